/**
 * What may be called, by whom, and what it gives. A function that is not here, or that somebody else may call, fails the proof.
 * Without `across` a function must answer an id of another tenant as it answers one that does not exist, and change nothing of
 * theirs. With it, it reaches over tenants by design: the words say how far, and stand in docs/injected-sql.md too. With `tells` it may answer
 * otherwise, for the reason given, and still change nothing.
 */
export type Decision = {
  to: readonly ('nora_app' | 'nora_worker' | 'nora_admin_reader' | 'nora_admin_operator' | 'nora_audit')[]
  across?: string
  tells?: string
}

export const worker = (across?: string): Decision => ({ to: ['nora_worker'], ...(across && { across }) })
