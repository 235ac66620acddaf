import { isSignedBy, type SignedCheckpoint } from '@nora/crypto/audit-chain'
import type { Findings } from './findings.ts'

/** The checkpoints that hold: their places, and the hash that was signed for each. */
export type Signed = {
  hashAt(position: number): string | undefined
  /** The largest place; 0: nothing is signed. */
  last(): number
  /** When the last place was signed, in milliseconds since 1970; 0: never. */
  lastAt(): number
  /** The nearest signed place before this one; 0: none. */
  before(position: number): number
}

/** Checkpoints as they come from a file or a database. Nothing of them is believed before its signature. */
export type FoundCheckpoint = SignedCheckpoint & { where: string }

/** Sorts out what is not signed with one of the keys, and two that contradict each other. */
export function judgeCheckpoints(
  found: readonly FoundCheckpoint[],
  publicKeys: readonly Buffer[],
  report: Findings,
): Signed {
  const good = new Map<number, string>()
  const times = new Map<number, number>()
  for (const { where, ...checkpoint } of found) {
    const { position, hash } = checkpoint
    if (!publicKeys.some((key) => isSignedBy(key, checkpoint))) {
      report.add('forged-checkpoint', position, `${where}: not signed with a key that was given`)
      continue
    }
    const other = good.get(position)
    if (other !== undefined && other !== hash) {
      report.add('fork', position, `${where}: two different hashes were signed for this place`)
    }
    good.set(position, hash)
    times.set(position, Date.parse(checkpoint.time))
  }
  const places = [...good.keys()].sort((a, b) => a - b)
  return {
    hashAt: (position) => good.get(position),
    last: () => places.at(-1) ?? 0,
    lastAt: () => times.get(places.at(-1) ?? 0) ?? 0,
    before: (position) => places.findLast((place) => place < position) ?? 0,
  }
}
