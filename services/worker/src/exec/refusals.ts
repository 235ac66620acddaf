import type { Claims } from '@nora/crypto/capability'
import { refusalOf } from '@nora/db/actor'
import { BackendError } from '../backends/backend.ts'
import type { Verdict } from '../passkeys/check-action.ts'
import { execClose, goneWord } from './close.ts'

/** Says why a socket is closed: its code, and a word for whoever reads it. */
export class Refused extends Error {
  readonly code: number
  constructor(code: number, word: string) {
    super(word)
    this.code = code
  }
}

/** Somebody with a passkey has not given its word for this terminal, or it is not what was given. */
export class WordRefused extends Error {
  readonly verdict: Verdict
  constructor(verdict: Verdict) {
    super('passkey-confirmation-required')
    this.verdict = verdict
  }
}

/** With what a socket is closed when its terminal could not be had. */
export function closeOf(error: unknown): { code: number; message: string } {
  const say = (code: number, message: string) => ({ code, message })
  if (error instanceof Refused) return error
  if (error instanceof WordRefused) return say(execClose.permission, error.message)
  if (error instanceof BackendError) {
    if (error.code === 'not-found') return say(execClose.agentGone, goneWord.agent)
    return error.code === 'container-invalid'
      ? say(execClose.agentGone, 'no-shell')
      : say(execClose.tryAgain, 'the engine does not answer')
  }
  const refusal = refusalOf(error)
  if (refusal?.status === 429) return say(execClose.tooMany, 'two terminals are open in this agent')
  if (refusal?.status === 404) return say(execClose.agentGone, 'agent-gone')
  if (refusal?.status === 409) return say(execClose.agentGone, goneWord.agent)
  return refusal ? say(execClose.permission, '') : say(execClose.tryAgain, '')
}

/** The viewer's proof as Postgres sees it must say what the capability says. */
export function requireSame(
  entered: { agentId: string; workspaceId: string; kind: string },
  claims: Claims,
): void {
  const same = entered.agentId === claims.agent && entered.workspaceId === claims.workspace
  if (!same || entered.kind !== 'exec') throw new Refused(execClose.ticket, 'another stream')
}
