import { readFile, writeFile } from 'node:fs/promises'
import { ourOutput } from '@nora/embedded/child'
import { startPostgres } from '@nora/embedded/postgres'
import { bootstrapDatabase } from '@nora/migrations/bootstrap'
import { ports } from './derive.ts'

const dataDir = '/var/lib/nora/postgres/data'
const readyFile = '/tmp/ready'
const rulesFile = '/tmp/pg_hba.conf'

/**
 * Postgres in its container, the embedded shape's own binary: makes the cluster when there is none, the database and the migrator's
 * role, and says in /tmp/ready that it is ready. The superuser's password is made here and never leaves the data folder, and only
 * this container's loopback may use it. Resolves with the exit code when the server ends, which SIGTERM makes it do in order.
 * @param env NORA_CONTROL_ADDRESS to listen on and NORA_CONTROL_NETWORK (CIDR) that may sign in from; NORA_DB_PASSWORD_MIGRATOR_FILE.
 */
export async function runPostgres(env: NodeJS.ProcessEnv): Promise<number> {
  const stopping = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT']) process.on(name, () => stopping.abort(new Error('stopped')))
  const migratorPassword = (await readFile(env['NORA_DB_PASSWORD_MIGRATOR_FILE'] ?? '', 'utf8')).trim()
  await writeFile(rulesFile, rules(env['NORA_CONTROL_NETWORK'] ?? ''), { mode: 0o600 })
  const server = await startPostgres({
    ...{ dataDir, port: ports.postgres, logFile: ourOutput, signal: stopping.signal },
    settings: { listen_addresses: `127.0.0.1,${env['NORA_CONTROL_ADDRESS']}`, hba_file: rulesFile },
  })
  const ended = new Promise<void>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(server.stop()), { once: true })
  })
  try {
    await bootstrapDatabase(server.superuserUrl, { database: 'nora', migratorPassword }, stopping.signal)
    await writeFile(readyFile, '')
  } catch (error) {
    await server.stop()
    throw error
  }
  const exit = await server.exited
  if (!stopping.signal.aborted) return exit.code || 1
  await ended
  return 0
}

/** Who may sign in: the superuser from here alone, the processes' roles from the control network, each with its password. */
const rules = (network: string): string =>
  [
    'host all postgres 127.0.0.1/32 scram-sha-256',
    `host nora nora_migrator,nora_app,nora_worker ${network} scram-sha-256`,
    '',
  ].join('\n')
