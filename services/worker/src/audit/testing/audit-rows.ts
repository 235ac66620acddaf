import { type AuditKey, deriveAuditKey } from '@nora/crypto/audit-chain'
import { createLogger } from '@nora/log/logger'
import type { TestDatabase } from '@nora/testing/postgres'
import { type ChainDeps, chainRound } from '../chain.ts'

/** What a worker chains with, and every line it logs. */
export function chainDeps(
  database: TestDatabase,
  fill = 5,
): ChainDeps & { auditKeys: [AuditKey]; logged: string[] } {
  const logged: string[] = []
  const log = createLogger({
    service: 'worker',
    level: 'info',
    destination: { write: (line) => void logged.push(line) },
  })
  return {
    // Read late: the database is there from the first test on.
    get db() {
      return database.worker
    },
    log,
    auditKeys: [deriveAuditKey(Buffer.alloc(32, fill))],
    logged,
  }
}

/** Rows of the log as the product's functions write them, `n` of one type. */
export async function writeRows(database: TestDatabase, n: number, details: unknown = {}): Promise<void> {
  await database.asSuperuser(
    `select nora.write_audit('TEST_ROW', 'system', 'system', null, 'test', g::text, '10.1.2.3', 'test', $2)
     from generate_series(1, $1::int) g`,
    [n, JSON.stringify(details)],
  )
}

export const nothing = { position: 0, hash: Buffer.alloc(32) }

/** Rounds until nothing waits. */
export async function chainAll(deps: ChainDeps): Promise<void> {
  while ((await chainRound(deps, nothing)).more);
}
