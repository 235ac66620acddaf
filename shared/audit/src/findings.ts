/** What verification can find; docs/audit.md says what each means. */
export type FindingKind =
  | 'edit'
  | 'gap'
  | 'reorder'
  | 'cut-tail'
  | 'fork'
  | 'forged-checkpoint'
  | 'unsigned'
  | 'unchained'
  | 'unreadable'

/** `position` is the first place in the chain that it is about; null: about none. `what` is one line for people. */
export type Finding = { kind: FindingKind; position: number | null; what: string }

export type Findings = {
  add(kind: FindingKind, position: number | null, what: string): void
  /** In the order of their places. */
  list(): Finding[]
  /** How many there were, those that are not kept included. */
  count(): number
}

const kept = 200

/** Collects findings: the first 200 are kept, the rest counted. */
export function findings(): Findings {
  const all: Finding[] = []
  let count = 0
  return {
    add(kind, position, what) {
      count++
      if (all.length < kept) all.push({ kind, position, what })
    },
    list: () => [...all].sort((a, b) => (a.position ?? 0) - (b.position ?? 0)),
    count: () => count,
  }
}
