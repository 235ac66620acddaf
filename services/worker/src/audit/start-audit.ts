import { auditStatus } from '@nora/db/audit-chain'
import type { Loops } from '../loops.ts'
import { brokenReporter, type ChainDeps, chainRound } from './chain.ts'
import { auditExport } from './export.ts'

export type AuditPeriods = { auditChain: number; auditExport: number }

/** A row that has waited longer than this is a chainer that stands still, whatever its rounds say. */
const standsStillMs = 15_000

/** The loops that chain the audit log and write it down. A broken chain or one that stands still degrades the worker. */
export function startAudit(
  deps: ChainDeps & { auditFolder: string },
  loops: Loops,
  periods: AuditPeriods,
): void {
  const exporter = auditExport(deps, deps.auditFolder)
  const report = brokenReporter(deps)
  let remembered = false
  const reporting = async (run: () => Promise<void>) => {
    try {
      await run()
    } catch (error) {
      await report(error)
      throw error
    }
  }

  const exporting = loops.every('audit-export', periods.auditExport, () =>
    reporting(async () => {
      while (await exporter.round());
    }),
  )
  const chaining = loops.every('audit-chain', periods.auditChain, () =>
    reporting(async () => {
      // A disk that cannot be read is the export's trouble: rows are chained all the same.
      if (!remembered)
        await exporter.begin().catch((error) => deps.log.warn({ err: error }, 'no audit export'))
      remembered = true
      const known = exporter.known()
      const status = await auditStatus(deps.db, known.position)
      const { chained, signed, more } = await chainRound(deps, known, status)
      if (more) chaining.poke()
      if (chained > 0 || signed) return exporting.poke()
      const { waiting, waitingMs } = status
      if (waitingMs > standsStillMs)
        throw new Error(`${waiting} audit rows wait to be chained for ${waitingMs} ms`)
    }),
  )
}
