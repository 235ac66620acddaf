/** What the outside is told. One code for everything that does not open, so that an answer is no oracle. */
export type SealErrorCode =
  | 'seal-open-failed'
  | 'seal-key-invalid'
  | 'seal-input-invalid'
  | 'plaintext-not-allowed'
  | 'password-hash-invalid'
  | 'busy'

/**
 * Why, for our own audit row and operator: facts about the envelope, never about the content. All of them can be
 * read from the stored row by whoever has it, so telling them apart gives nothing away.
 */
export type SealFailure = 'malformed' | 'unknown-key' | 'not-authentic' | 'plaintext-refused'

/**
 * The error of this package. It carries a code and, for a failed open, a reason; never a byte of the input and no
 * `cause`, because a library's error is a place where input can hide.
 */
export class SealError extends Error {
  readonly code: SealErrorCode
  readonly reason: SealFailure | undefined

  constructor(code: SealErrorCode, message: string, reason?: SealFailure) {
    super(message)
    this.name = 'SealError'
    this.code = code
    this.reason = reason
  }
}

/** The one way to say "did not open". */
export function openFailed(reason: SealFailure): SealError {
  return new SealError('seal-open-failed', 'the sealed record did not open', reason)
}
