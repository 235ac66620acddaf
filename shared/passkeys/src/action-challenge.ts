import { createHash } from 'node:crypto'
import type { RelyingParty } from './relying-party.ts'
import { type KnownPasskey, verifyAssertion } from './verify.ts'

/** What asks for a passkey each time, and is checked by the worker that does it. */
export type PasskeyAction = 'exchange:trade' | 'agent:exec'

export type ActionClaim = {
  action: PasskeyAction
  /** The credential or the agent, a UUID. */
  targetId: string
  userId: string
  /** 32 random bytes. */
  nonce: Buffer
}

/**
 * The challenge for one action on one thing by one person, base64url: whoever checks the assertion computes it anew from what
 * they are about to do, so an assertion for anything else does not fit. Each field with its length before it.
 */
export function actionChallenge({ action, targetId, userId, nonce }: ActionClaim): string {
  const hash = createHash('sha256')
  for (const field of ['nora/passkey-action/v1', action, targetId, userId, nonce]) {
    const bytes = Buffer.from(field)
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  return hash.digest('base64url')
}

/** Whether the assertion is this passkey's word for exactly this action. */
export async function verifyAction(
  party: RelyingParty,
  claim: ActionClaim,
  passkey: KnownPasskey,
  assertion: unknown,
): Promise<boolean> {
  if (claim.nonce.length !== 32) return false
  return (await verifyAssertion(party, actionChallenge(claim), passkey, assertion)) !== undefined
}
