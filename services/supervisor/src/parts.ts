import { chmod, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { refusedExitCode } from '@nora/config/boot'
import { startPostgres } from '@nora/embedded/postgres'
import { startRedis } from '@nora/embedded/redis'
import { lastLines } from '@nora/embedded/wait'
import { bootstrapDatabase } from '@nora/migrations/bootstrap'
import type { Accounts } from './accounts.ts'
import { buildEnvironments, type Environments } from './environments.ts'
import { guardFolder } from './host-guard.ts'
import type { Installation } from './installation.ts'
import { type Kept, keepRunning } from './keep-running.ts'
import { ensureFolder, keysFolder } from './prepare.ts'
import { startService } from './service-process.ts'

type Context = {
  installation: Installation
  /** Absent when everything runs as the user. */
  accounts: Accounts | undefined
  say(line: string): void
}

/** Postgres on its remembered loopback port, with the database and the migrator's role made. */
export function keepPostgres(context: Context, migratorPassword: string): Kept {
  const { layout, files } = context.installation
  const runAs = context.accounts?.postgres
  const folder = join(layout.data, 'postgres')
  return keepRunning({
    name: 'postgres',
    say: context.say,
    start: async (stopping) => {
      await ensureFolder(folder, layout.separated ? 0o711 : 0o700)
      const server = await startPostgres({
        dataDir: join(folder, 'data'),
        port: Number(files.installation['NORA_POSTGRES_PORT']),
        logFile: join(layout.logs, 'postgres.log'),
        signal: stopping,
        ...(runAs ? { runAs } : {}),
      })
      await bootstrapDatabase(server.superuserUrl, { database: 'nora', migratorPassword }, stopping)
      return server
    },
  })
}

/** A process refuses its configuration: nothing changes by trying again. */
export class ConfigurationRefused extends Error {}

/**
 * Brings the database's schema up to date. Throws with migrate's last lines when it fails, ConfigurationRefused when it
 * refuses its settings.
 */
export async function runMigrate(context: Context, env: Environments['migrate']): Promise<void> {
  const { layout } = context.installation
  const runAs = context.accounts?.migrate
  const child = await startService(layout, { name: 'migrate', entry: 'migrations/run.ts', env, runAs })
  const exit = await child.exited
  if (exit.code === 0) return
  const message = `migrate failed:\n${await lastLines(join(layout.logs, 'migrate.log'))}`
  throw exit.code === refusedExitCode ? new ConfigurationRefused(message) : new Error(message)
}

const redisSocket = (context: Context) => join(context.installation.layout.run, 'redis', 'redis.sock')

export function keepRedis(context: Context): Kept {
  const { layout } = context.installation
  const runAs = context.accounts?.redis
  return keepRunning({
    name: 'redis',
    say: context.say,
    start: (signal) =>
      startRedis({
        ...{ dir: join(layout.data, 'redis'), socketPath: redisSocket(context), persistent: true, signal },
        ...{ logFile: join(layout.logs, 'redis.log'), ...(runAs ? { runAs } : {}) },
      }),
  })
}

/** api, worker or host guard: told nothing but its own environment, under its own uid. */
export const keepService = (
  context: Context,
  name: 'api' | 'worker' | 'netguard',
  env: () => Promise<Record<string, string>>,
): Kept =>
  keepRunning({
    name,
    say: context.say,
    start: async () =>
      startService(context.installation.layout, {
        ...{ name, entry: `services/${name}/src/main.ts`, env: await env() },
        runAs: context.accounts?.[name],
      }),
  })

/** The environments of this start, with the folders they name made and given to the worker. */
export async function prepareEnvironments(context: Context): Promise<Environments> {
  const { layout, files, id, engineSocket } = context.installation
  const owner = context.accounts?.worker
  const keysDir = await keysFolder(layout, id)
  await ensureFolder(keysDir, 0o700, owner)
  const workerDataDir = join(layout.data, 'worker')
  await ensureFolder(workerDataDir, 0o700, owner)
  const guardDir = guardFolder(layout)
  if (guardDir) await ensureFolder(guardDir, 0o755, context.accounts?.netguard)
  await refuseOpenFolder(layout.config)
  return buildEnvironments(files, {
    ...{ postgresPort: Number(files.installation['NORA_POSTGRES_PORT']), redisUrl: redisSocket(context) },
    ...{ engineSocket, keysDir, workerDataDir, guardDir, code: layout.code },
  })
}

async function refuseOpenFolder(config: string): Promise<void> {
  if (((await stat(config)).mode & 0o077) !== 0) await chmod(config, 0o700)
}
