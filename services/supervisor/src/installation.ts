import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describeVariable, variableNames } from '@nora/config/variables'
import { defaultEngineSocket } from '@nora/embedded/engine'
import { type EnvFile, readEnvFile, type Variables } from './env-files.ts'
import { type Layout, setupCommand } from './layout.ts'

/** An installation as its files describe it. */
export type Installation = {
  layout: Layout
  files: Record<EnvFile, Variables>
  id: string
  /** `embedded`: processes of this machine under the supervisor. `compose`: containers of docker-compose.yml. */
  mode: 'embedded' | 'compose'
  port: number
  /** Where the api answers on this machine, for our own checks. */
  localUrl: string
  /** What people open. */
  publicUrl: string
  engineSocket: string
  enginePidFile: string
}

/** Reads an installation's files. Throws, naming the fix, when it was never prepared. */
export async function readInstallation(layout: Layout): Promise<Installation> {
  const names: EnvFile[] = ['installation', 'api', 'worker', 'migrate', 'demo']
  const read = await Promise.all(
    names.map(async (name) => resolveSecretFiles(await readEnvFile(layout.config, name))),
  )
  const files = Object.fromEntries(names.map((name, at) => [name, read[at] ?? {}])) as Installation['files']
  const id = files.installation['NORA_INSTALLATION_ID']
  if (!id) throw new Error(`nothing is installed in ${layout.config}: run ${setupCommand(layout)}`)
  const port = Number(files.api['NORA_PORT'] ?? files.installation['NORA_PORT'])
  const bind = files.api['NORA_BIND'] ?? '127.0.0.1'
  const host = bind === '0.0.0.0' || bind === '::' ? '127.0.0.1' : bind
  const mode = files.installation['NORA_MODE'] === 'compose' ? 'compose' : 'embedded'
  const publicUrl = files.api['NORA_PUBLIC_URL'] || `http://localhost:${port}`
  return {
    ...{ layout, files, id, mode, port, publicUrl },
    // Of the stack nginx alone can be reached, under its names.
    localUrl: mode === 'compose' ? publicUrl : `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    engineSocket: (files.worker['DOCKER_HOST'] ?? `unix://${defaultEngineSocket}`).replace(/^unix:\/\//, ''),
    enginePidFile: join(layout.data, 'engine.pid'),
  }
}

/**
 * A secret given as `<NAME>_FILE` is read here, as the supervisor's user: the file may be root's alone, and what is
 * derived from a secret needs it. Given both ways it is passed on as it is, for the service to refuse.
 */
async function resolveSecretFiles(variables: Variables): Promise<Variables> {
  const resolved = { ...variables }
  for (const name of variableNames) {
    const file = variables[`${name}_FILE`]
    if (!describeVariable(name).secret || !file || variables[name]) continue
    resolved[name] = (await readFile(file, 'utf8')).trim()
    delete resolved[`${name}_FILE`]
  }
  return resolved
}
