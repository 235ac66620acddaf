import { actionWord, spendWord } from '@nora/db/action-words'
import type { Tx } from '@nora/db/actor'
import { type PasskeyAction, verifyAction } from '@nora/passkeys/action-challenge'
import type { RelyingParty } from '@nora/passkeys/relying-party'

export type ActionCheck = {
  action: PasskeyAction
  /** The credential or the agent. */
  targetId: string
  /** Whose word it must be. */
  userId: string
}

/**
 * `not-enrolled`: the person has no passkey, so none is asked for. `confirmed`: their passkey's word for exactly this action
 * on exactly this thing, checked here. Else why not.
 */
export type Verdict = 'not-enrolled' | 'confirmed' | 'missing' | 'invalid' | 'spent' | 'no-relying-party'

/**
 * Checks a passkey's word in this process: the challenge is computed from what is about to be done, and origin and relying
 * party come from this process's own settings. So neither the api nor the rows it wrote can turn one word to another use.
 * @param party of NORA_PUBLIC_URL; undefined where this worker does not know it, and then nothing is confirmed.
 * @param options `once`: the word is used up by this check (a terminal); without it, it stands until it is taken back (trading).
 */
export async function checkAction(
  tx: Tx,
  party: RelyingParty | undefined,
  check: ActionCheck,
  options: { once: boolean },
): Promise<Verdict> {
  const { enrolled, word } = await actionWord(tx, check)
  if (!enrolled) return 'not-enrolled'
  if (!word) return 'missing'
  if (!party) return 'no-relying-party'
  const { nonce, assertion, ...passkey } = word
  if (!(await verifyAction(party, { ...check, nonce }, passkey, assertion))) return 'invalid'
  if (options.once && !(await spendWord(tx, nonce))) return 'spent'
  return 'confirmed'
}
