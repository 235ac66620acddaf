import { type AuditEntry, canonicalEntry, genesis, hashEntry } from '@nora/crypto/audit-chain'
import type { Signed } from './checkpoints.ts'
import type { Findings } from './findings.ts'

/** One place of a chain. `entry` is null where the row itself is gone. Hashes are 64 hex characters. */
export type ChainLine = {
  position: number
  previous: string
  hash: string
  entry: AuditEntry | null
  /** Where it was read, for people. */
  where: string
}

/** `first` 0: there was none. `unsigned` counts the places after the last one that is signed. */
export type ChainSummary = { first: number; last: number; lastHash: string; rows: number; unsigned: number }

/** More rows than two rounds of signing leave open are not waiting: nobody signs. */
const mostUnsigned = 2_000
/** Rows whose text does not fit their hash are compared with each other, up to so many. */
const mostSuspects = 200
const mostBreaks = 200
const rememberedHashes = 10_000

/**
 * Goes through a chain from its first place to its last and reports where it is not what was signed. `partial`: it may begin
 * later than at 1, because older files were moved away; what a later checkpoint signed still covers it.
 */
export async function verifyChain(
  lines: AsyncIterable<ChainLine>,
  signed: Signed,
  report: Findings,
  { partial = false } = {},
): Promise<ChainSummary> {
  const suspects: ChainLine[] = []
  const breaks = new Map<string, ChainLine>()
  const recent = new Map<string, number>()
  let [first, last, lastHash, rows, lastSigned] = [0, 0, genesis.toString('hex'), 0, 0]

  for await (const line of lines) {
    const { position, hash } = line
    if (rows > 0 && position === last && hash === lastHash) {
      // The same line twice, or another worker's copy of it.
      if (line.entry !== null && !fits(line, line.entry)) keep(suspects, line, report)
      continue
    }
    rows++
    if (rows === 1) {
      first = position
      if (partial) lastHash = line.previous
      else if (position > 1) report.add('gap', 1, `${line.where}: places 1 to ${position - 1} are missing`)
    } else if (position > last + 1) {
      report.add('gap', last + 1, `${line.where}: places ${last + 1} to ${position - 1} are missing`)
    } else if (position <= last) {
      const again = recent.get(hash) === position
      report.add(
        again || position < last ? 'reorder' : 'fork',
        position,
        `${line.where}: comes after place ${last}`,
      )
    }
    if (line.entry === null) report.add('gap', position, `${line.where}: the row of this place is gone`)
    else if (!fits(line, line.entry)) keep(suspects, line, report)

    const contiguous = position === last + 1 || (rows === 1 && partial)
    if (contiguous && line.previous !== lastHash) {
      const branch = recent.get(line.previous)
      const atStart = line.previous === genesis.toString('hex')
      if (branch !== undefined || (atStart && position > 1)) {
        report.add('fork', position, `${line.where}: follows place ${branch ?? 0}, as another row does`)
      } else if (breaks.size < mostBreaks) breaks.set(line.previous, line)
      else report.add('gap', position, `${line.where}: does not follow from the row before`)
    }
    const before = breaks.get(hash)
    if (before) {
      breaks.delete(hash)
      report.add('reorder', before.position, `${before.where}: belongs after the row at place ${position}`)
    }
    const right = signed.hashAt(position)
    if (right === hash) lastSigned = position
    else if (right !== undefined) {
      const since = signed.before(position)
      report.add(
        'fork',
        position,
        `${line.where}: another hash was signed here; written anew after place ${since}`,
      )
    }
    recent.set(hash, position)
    if (recent.size > rememberedHashes) recent.delete(recent.keys().next().value as string)
    last = position
    lastHash = hash
  }

  for (const { position, where } of breaks.values()) {
    // Where a later place is the one that was signed, no row is missing before it.
    if (lastSigned >= position) report.add('edit', position - 1, `${where}: the row before it was replaced`)
    else report.add('gap', position, `${where}: the row that it follows is gone, or was replaced`)
  }
  judgeSuspects(suspects, report)
  if (signed.last() > last) {
    report.add('cut-tail', last + 1, `ends at place ${last}, but place ${signed.last()} was signed`)
  }
  const unsigned = last - lastSigned
  if (rows > 0 && signed.last() === 0) report.add('unsigned', 1, 'no checkpoint that holds was given')
  else if (unsigned > mostUnsigned) {
    report.add('unsigned', lastSigned + 1, `the last ${unsigned} places are not signed`)
  }
  return { first, last, lastHash, rows, unsigned }
}

function fits({ previous, hash }: ChainLine, entry: AuditEntry): boolean {
  try {
    return hashEntry(Buffer.from(previous, 'hex'), canonicalEntry(entry)).toString('hex') === hash
  } catch {
    return false // an entry that we never write
  }
}

function keep(suspects: ChainLine[], line: ChainLine, report: Findings): void {
  if (suspects.length < mostSuspects) suspects.push(line)
  else report.add('edit', line.position, `${line.where}: the row is not what was chained`)
}

/** A row whose text fits another place was put there; else it was changed. */
function judgeSuspects(suspects: readonly ChainLine[], report: Findings): void {
  for (const line of suspects) {
    const from = suspects.find((other) => other !== line && other.entry !== null && fits(line, other.entry))
    if (from) report.add('reorder', line.position, `${line.where}: its row stands at place ${from.position}`)
    else report.add('edit', line.position, `${line.where}: the row is not what was chained`)
  }
}
