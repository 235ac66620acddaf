import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startEngine } from '@nora/embedded/engine'
import { startPostgres } from '@nora/embedded/postgres'
import { startRedis } from '@nora/embedded/redis'
import { bootstrapDatabase } from '@nora/migrations/bootstrap'
import { completeEnvFile } from '../../services/supervisor/src/env-files.ts'
import type { Environments } from '../../services/supervisor/src/environments.ts'
import { type Installation, readInstallation } from '../../services/supervisor/src/installation.ts'
import { type Kept, keepRunning, type Running } from '../../services/supervisor/src/keep-running.ts'
import { layoutFor } from '../../services/supervisor/src/layout.ts'
import { prepareEnvironments, runMigrate } from '../../services/supervisor/src/parts.ts'
import { prepare } from '../../services/supervisor/src/prepare.ts'
import { startService } from '../../services/supervisor/src/service-process.ts'

export const providerHost = '10.255.255.1'
export const providerPort = 9100

const code = fileURLToPath(new URL('../..', import.meta.url))
const secret = () => randomBytes(32).toString('hex')
const run = promisify(execFile)

export type PartName = 'engine' | 'postgres' | 'redis' | 'worker' | 'api'
export type Parts = {
  installation: Installation
  superuserUrl: string
  pid(name: PartName): number
  stop(): Promise<void>
}

/** An installation as setup.sh makes it, below a folder of its own. */
async function install(folder: string, signal: AbortSignal): Promise<Installation> {
  const layout = { ...layoutFor({ root: true, prefix: join(folder, 'nora'), code }), separated: false }
  await prepare(layout, signal)
  const provider = { NORA_PROVIDER_ALLOW_HOSTS: `${providerHost}:${providerPort}` }
  await completeEnvFile(layout.config, 'worker', { ENCRYPTION_KEY: secret() })
  await completeEnvFile(layout.config, 'migrate', {
    ...{ NORA_DB_PASSWORD_MIGRATOR: secret(), NORA_DB_PASSWORD_APP: secret() },
    NORA_DB_PASSWORD_WORKER: secret(),
  })
  await completeEnvFile(layout.config, 'api', {
    ...{ ...provider, JWT_SECRET: secret(), NORA_SETUP_TOKEN: randomBytes(24).toString('base64url') },
    NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
    NORA_RATE_LIMITS:
      'global=60000/60,mutations=60000/60,tickets=60000/60,login=1000/60,signup-burst=1000/60,signup-daily=1000/60',
  })
  return readInstallation(layout)
}

/**
 * The real parts, each kept running by what the supervisor keeps them with; only the waits between two starts are not
 * the supervisor's growing ones, because here each of them is killed every few seconds.
 */
export async function startParts(
  folder: string,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<Parts> {
  const installation = await install(folder, signal)
  const { layout, files } = installation
  const context = { installation, accounts: undefined, say }
  const kept = new Map<PartName, Kept>()
  let stopping = false
  const keep = async (name: PartName, start: (signal: AbortSignal) => Promise<Running>) => {
    let starts = 0
    const afterPause = async (aborted: AbortSignal) => {
      if (starts++ > 0) await delay(200, undefined, { signal: aborted })
      return start(aborted)
    }
    const one = keepRunning({ name, say, firstDelayMs: 0, start: afterPause })
    kept.set(name, one)
    await one.started
  }
  const log = (name: string) => join(layout.logs, `${name}.log`)
  await keep('engine', (aborted) =>
    startEngine({ logFile: log('engine'), pidFile: installation.enginePidFile, signal: aborted }),
  )
  let superuserUrl = ''
  let environments: Environments | undefined
  await keep('postgres', async (aborted) => {
    const server = await startPostgres({
      dataDir: join(layout.data, 'postgres/data'),
      port: Number(files.installation['NORA_POSTGRES_PORT']),
      logFile: log('postgres'),
      signal: aborted,
    })
    superuserUrl = server.superuserUrl.replace(/\/postgres$/, '/nora')
    const migratorPassword = files.migrate['NORA_DB_PASSWORD_MIGRATOR']!
    await bootstrapDatabase(server.superuserUrl, { database: 'nora', migratorPassword }, aborted)
    return server
  })
  environments = await prepareEnvironments(context)
  await runMigrate(context, environments.migrate)
  await keep('redis', (aborted) =>
    startRedis({
      ...{ dir: join(layout.data, 'redis'), socketPath: environments.api['REDIS_URL']!, persistent: true },
      ...{ logFile: log('redis'), signal: aborted },
    }),
  )
  for (const name of ['worker', 'api'] as const) {
    const env = { ...environments[name], NORA_LOG_LEVEL: 'info' }
    await keep(name, () =>
      startService(layout, { name, entry: `services/${name}/src/main.ts`, env, runAs: undefined }),
    )
  }
  return {
    installation,
    superuserUrl,
    pid(name) {
      const pid = kept.get(name)?.status().pid
      if (!pid) throw new Error(`${name} does not run right now`)
      return pid
    },
    async stop() {
      if (stopping) return
      stopping = true
      for (const name of ['api', 'worker', 'redis', 'postgres', 'engine'] as const)
        await kept.get(name)?.stop()
    },
  }
}

/** SIGKILL to processes by pid, all at once; one that has ended is what was wanted. */
export function killAll(pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** A process and everything below it. */
export async function familyOf(pid: number): Promise<number[]> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  const family = [pid]
  for (const member of family) {
    for (const [child, parent] of parents)
      if (parent === member && !family.includes(child)) family.push(child)
  }
  return family
}

/** The loop devices with a backing file below a folder. */
export async function loopFiles(folder: string): Promise<string[]> {
  const { stdout } = await run('losetup', ['--noheadings', '--output', 'BACK-FILE'])
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith(`${folder}/`))
}
