import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Layout } from '../layout.ts'
import { composeFolder, readStack } from './write-files.ts'

const run = promisify(execFile)

/**
 * Compose on this installation, as infra/compose.sh calls it. Gives what it printed; throws with its words when it fails.
 * @param signal ends it; it is given ten minutes at the most.
 */
export async function runCompose(layout: Layout, args: string[], signal: AbortSignal): Promise<string> {
  const project = (await readStack(layout))['NORA_PROJECT'] ?? ''
  const options = {
    // Nothing else of the caller's: it would win over the file.
    env: {
      ...{ PATH: process.env['PATH'], HOME: process.env['HOME'] },
      ...(process.env['DOCKER_HOST'] ? { DOCKER_HOST: process.env['DOCKER_HOST'] } : {}),
    },
    signal: AbortSignal.any([signal, AbortSignal.timeout(600_000)]),
  }
  const plugin = await answers('docker', ['compose', 'version'])
  const [file = '', ...first] = plugin ? ['docker', 'compose'] : ['docker-compose']
  const common = [
    ...['--project-name', project, '--env-file', join(composeFolder(layout), '.env')],
    ...['--project-directory', layout.code, '--file', join(layout.code, 'docker-compose.yml')],
  ]
  return (await run(file, [...first, ...common, ...args], options)).stdout
}

/** Whether either generation of Compose is here. */
export const hasCompose = async (): Promise<boolean> =>
  (await answers('docker', ['compose', 'version'])) || (await answers('docker-compose', ['version']))

const answers = (file: string, words: string[]): Promise<boolean> =>
  run(file, words, { timeout: 60_000 }).then(
    () => true,
    () => false, // it is not here
  )
