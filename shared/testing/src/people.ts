import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { SessionActor } from '@nora/db/actor'
import type { AdminProof } from '@nora/db/admin-session'
import { sql } from 'kysely'
import type { TestDatabase } from './postgres.ts'

export type Person = {
  userId: string
  email: string
  workspaceId: string
  sessionId: string
  secret: Buffer
  /** The proof of this person's session, in their personal workspace. */
  actor: SessionActor
}

/** Signs somebody up and in by the definer functions the api itself uses; the first one claims the server. */
export async function person(database: TestDatabase, name: string): Promise<Person> {
  const email = `${name}-${randomUUID().slice(0, 8)}@example.test`
  const secret = randomBytes(32)
  const digest = (value: Buffer) => createHash('sha256').update(value).digest()
  const proof = randomBytes(32)
  await sql`select nora.sign_up(${email}, ${name}, '$argon2id$', ${digest(proof)}, true, true, null, 'test')`.execute(
    database.app,
  )
  const [account] = (
    await sql<{ user_id: string }>`select user_id from nora.login_lookup(${email})`.execute(database.app)
  ).rows
  const userId = account!.user_id
  const [session] = (
    await sql<{
      id: string
    }>`select id from nora.open_session(${userId}, ${proof}, 'bearer', ${digest(secret)},
      ${digest(randomBytes(32))}, interval '1 day', interval '7 days', null, 'test', 'test')`.execute(
      database.app,
    )
  ).rows
  const [workspace] = await database.asSuperuser<{ id: string }>(
    'select id from nora.workspaces where personal_of = $1',
    [userId],
  )
  const sessionId = session!.id
  return {
    userId,
    email,
    workspaceId: workspace!.id,
    sessionId,
    secret,
    actor: { kind: 'session', sessionId, secret, workspaceId: null },
  }
}

/** An admin session of somebody's, past the password that the api asks for. */
export async function adminSession(
  database: TestDatabase,
  userId: string,
  { steppedUp }: { steppedUp: boolean },
): Promise<AdminProof> {
  const secret = randomBytes(32)
  const [row] = await database.asSuperuser<{ id: string }>(
    `insert into nora.admin_sessions (user_id, secret_hash, idle_expires_at, expires_at, stepped_up_until)
     values ($1, $2, now() + interval '30 minutes', now() + interval '12 hours', $3) returning id`,
    [userId, createHash('sha256').update(secret).digest(), steppedUp ? new Date(Date.now() + 600_000) : null],
  )
  return { sessionId: row!.id, secret }
}
