import { sql } from 'kysely'
import type { SessionActor, Tx } from './actor.ts'
import type { Origin } from './workspaces.ts'

/**
 * Keeps a passkey's word for an action. False, and audited, when the passkey's counter went back. A nonce that was there before
 * is an error of Postgres (23505).
 */
export async function keepWord(
  tx: Tx,
  session: SessionActor,
  apiProof: Buffer,
  word: {
    action: string
    targetId: string
    nonce: Buffer
    passkeyId: string
    counter: number
    assertion: unknown
  },
  from: Origin,
): Promise<boolean> {
  const { rows } = await sql<{ kept: boolean }>`
    select nora.keep_assertion(${session.sessionId}, ${session.secret}, ${apiProof}, ${word.action}, ${word.targetId},
      ${word.nonce}, ${word.passkeyId}, ${word.counter}, ${JSON.stringify(word.assertion)}::jsonb,
      ${from.ip}::inet, ${from.correlationId}) as kept`.execute(tx)
  return rows[0]!.kept
}

export type ActionWord = {
  nonce: Buffer
  credentialId: Buffer
  publicKey: Buffer
  /** As the authenticator gave it; nobody has checked it for the caller. */
  assertion: unknown
}

/**
 * For a worker, in an operation's or a viewer's context: whether this person of the workspace has passkeys, and their unspent
 * word for the action. Raises NR403 elsewhere.
 */
export async function actionWord(
  tx: Tx,
  { action, targetId, userId }: { action: string; targetId: string; userId: string },
): Promise<{ enrolled: boolean; word: ActionWord | undefined }> {
  const { rows } = await sql<{ enrolled: boolean } & { [K in keyof ActionWord]: ActionWord[K] | null }>`
    select enrolled, nonce, credential_id as "credentialId", public_key as "publicKey", assertion
    from nora.action_word(${action}, ${targetId}, ${userId})`.execute(tx)
  const { enrolled, ...word } = rows[0]!
  return { enrolled, word: word.nonce === null ? undefined : (word as ActionWord) }
}

/** Uses up a word that is good for once; false when somebody was first. */
export async function spendWord(tx: Tx, nonce: Buffer): Promise<boolean> {
  const { rows } = await sql<{ spent: boolean }>`select nora.spend_word(${nonce}) as spent`.execute(tx)
  return rows[0]!.spent
}
