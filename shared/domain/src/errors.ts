import type { ProblemCode } from '@nora/contract/problem-titles'

/**
 * What goes wrong in the domain: a stable code, facts that may be shown to whoever asked, and the cause for the log.
 * The HTTP edge alone turns codes into statuses.
 */
export class DomainError extends Error {
  readonly code: ProblemCode
  readonly facts: Record<string, unknown>

  constructor(
    code: ProblemCode,
    facts: Record<string, unknown> = {},
    options?: { detail?: string; cause?: unknown },
  ) {
    super(options?.detail ?? code, options?.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'DomainError'
    this.code = code
    this.facts = facts
  }
}
