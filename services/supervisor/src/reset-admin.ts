import { randomBytes } from 'node:crypto'
import { makePassword } from '@nora/crypto/passwords'
import pg from 'pg'
import { buildEnvironments } from './environments.ts'
import { readInstallation } from './installation.ts'
import type { Layout } from './layout.ts'
import { setupCommand } from './layout.ts'
import { askSupervisor } from './status-socket.ts'

/**
 * Gives a platform admin (the first one, or the one with this e-mail) a new random password; every session of theirs
 * ends. Needs the running database. Returns the e-mail and the password, which is stored nowhere.
 */
export async function resetAdmin(
  layout: Layout,
  email: string | undefined,
  signal: AbortSignal,
): Promise<{ email: string; password: string }> {
  if (!(await askSupervisor(layout.statusSocket, 'status'))) {
    throw new Error(`the database does not run: start it with ${setupCommand(layout)}`)
  }
  const { files } = await readInstallation(layout)
  const { migrate } = buildEnvironments(files, {
    ...{ postgresPort: Number(files.installation['NORA_POSTGRES_PORT']), redisUrl: '', engineSocket: '' },
    ...{ keysDir: '', workerDataDir: '' },
  })
  const password = randomBytes(18).toString('base64url')
  const { salt, verifier } = await makePassword(password, signal)
  const client = new pg.Client({
    connectionString: migrate['DATABASE_URL'],
    connectionTimeoutMillis: 10_000,
    statement_timeout: 10_000,
  })
  await client.connect()
  try {
    const answer = await client.query('select nora.reset_admin($1, $2, $3) as email', [
      email ?? null,
      salt,
      verifier,
    ])
    return { email: answer.rows[0].email as string, password }
  } catch (error) {
    if ((error as { code?: string }).code !== 'NR404') throw error
    throw new Error(email ? `${email} is no platform admin` : 'nobody has claimed this server yet')
  } finally {
    await client.end()
  }
}
