import type { AuditExtras, RawChainRow } from '@nora/db/audit-reading'
import { readingAudit } from '@nora/db/audit-reading'
import { connect } from '@nora/db/connect'
import { type FoundCheckpoint, judgeCheckpoints, type Signed } from './checkpoints.ts'
import { type Finding, type Findings, findings } from './findings.ts'
import { checkpointsIn, entriesIn, filesOf } from './read-files.ts'
import { type ChainLine, type ChainSummary, verifyChain } from './verify-chain.ts'

export type VerifyInput = {
  /** Raw 32-byte Ed25519 public keys that the auditor has kept. */
  publicKeys: readonly Buffer[]
  /** Files or folders with checkpoints and, where entries were exported too, entries. */
  files: readonly string[]
  /** The database to check against the files; undefined: the files alone are checked. */
  databaseUrl?: string
  /** The files may begin later than at place 1. */
  partial?: boolean
}

export type Verdict = ChainSummary & { findings: Finding[]; found: number; waiting: number }

/** What nobody signs for this long is not on its way. */
const longestUnsignedMs = 600_000

/** Checks a chain offline. Throws for what cannot be read or reached; everything else is a finding. */
export async function verifyAudit(input: VerifyInput): Promise<Verdict> {
  const report = findings()
  const files = await filesOf(input.files)
  const inFiles = await checkpointsIn(files, report)
  const verdict = (summary: ChainSummary, waiting: number): Verdict => ({
    ...summary,
    findings: report.list(),
    found: report.count(),
    waiting,
  })
  if (input.databaseUrl === undefined) {
    const signed = judgeCheckpoints(inFiles, input.publicKeys, report)
    const lines = entriesIn(files, report)
    return verdict(await verifyChain(lines, signed, report, { partial: input.partial ?? false }), 0)
  }
  const db = connect({
    databaseUrl: input.databaseUrl,
    applicationName: 'nora-audit-verify',
    max: 2,
    onError: () => undefined, // the query that needed the connection fails and says why
  })
  try {
    return await readingAudit(db, async (chain, extras) => {
      const found = [...inFiles, ...extras.checkpoints.map(ofDatabase)]
      const signed = judgeCheckpoints(found, input.publicKeys, report)
      const witness = compareWith(entriesIn(files, report), report)
      const summary = await verifyChain(witness.watch(linesOf(chain)), signed, report)
      await witness.end(summary.last)
      await checkExtras(summary, signed, extras, report)
      return verdict(summary, extras.waiting)
    })
  } finally {
    await db.destroy()
  }
}

async function* linesOf(chain: AsyncIterable<RawChainRow>): AsyncIterable<ChainLine> {
  for await (const { position, previous, hash, row } of chain) {
    yield {
      position,
      previous: previous.toString('hex'),
      hash: hash.toString('hex'),
      entry: row,
      where: `place ${position}`,
    }
  }
}

const ofDatabase = (row: AuditExtras['checkpoints'][number]): FoundCheckpoint => ({
  position: row.position,
  hash: row.hash.toString('hex'),
  time: row.madeAt.toISOString(),
  kid: row.kid.toString('hex'),
  signature: row.signature.toString('hex'),
  where: `checkpoint ${row.position} in the database`,
})

/** Holds a chain against exported lines of the same chain, which are in order of their places. */
function compareWith(exported: AsyncIterable<ChainLine>, report: Findings) {
  const lines = exported[Symbol.asyncIterator]()
  let next: ChainLine | undefined
  let differs = false
  const advance = async () => {
    const { done, value } = await lines.next()
    next = done ? undefined : value
  }
  return {
    async *watch(chain: AsyncIterable<ChainLine>): AsyncIterable<ChainLine> {
      await advance()
      for await (const line of chain) {
        for (; next && next.position <= line.position; await advance()) {
          if (next.position < line.position || next.hash === line.hash || differs) continue
          differs = true // all that follows differs, too
          report.add(
            'fork',
            line.position,
            `from here on the database is not what was exported (${next.where})`,
          )
        }
        yield line
      }
    },
    async end(last: number): Promise<void> {
      while (next && next.position <= last) await advance()
      if (next)
        report.add('cut-tail', last + 1, `ends at place ${last}, but more was exported (${next.where})`)
    },
  }
}

async function checkExtras(
  summary: ChainSummary,
  signed: Signed,
  extras: AuditExtras,
  report: Findings,
): Promise<void> {
  const { last, lastHash } = summary
  const { head } = extras
  if (!head) report.add('cut-tail', last + 1, 'the end of the chain is not recorded any more')
  else if (head.position > last) {
    report.add('cut-tail', last + 1, `ends at place ${last}, but its end was at place ${head.position}`)
  } else if (head.position < last || head.hash.toString('hex') !== lastHash) {
    report.add(
      'fork',
      Math.min(head.position, last),
      `its end is recorded as place ${head.position} with another hash`,
    )
  }
  for (const seq of extras.outside) {
    report.add('unchained', null, `row ${seq} of the log is neither in the chain nor waiting to be`)
  }
  if (extras.waitingMs > longestUnsignedMs) {
    report.add(
      'unchained',
      null,
      `${extras.waiting} rows wait to be chained, the first since ${extras.waitingMs} ms`,
    )
  }
  const age = await extras.ageAfter(signed.last())
  const silence = Date.now() - signed.lastAt()
  if (age !== null && Math.min(age, silence) > longestUnsignedMs && signed.last() > 0) {
    report.add(
      'unsigned',
      signed.last() + 1,
      `places after ${signed.last()} are ${age} ms old and not signed`,
    )
  }
}
