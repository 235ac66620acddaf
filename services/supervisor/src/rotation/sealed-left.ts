import { callAsMigrator } from '../as-migrator.ts'
import type { Layout } from '../layout.ts'

export type SealedBy = { version: number; records: number; unopened: number }

/** How many records each key version seals. Needs the running database. */
export async function sealedBy(layout: Layout): Promise<SealedBy[]> {
  type Row = { key_version: number; credentials: number; given_secrets: number; unopened: number }
  const call = `(select coalesce(jsonb_agg(s), '[]') from nora.sealed_counts() s)`
  const rows = await callAsMigrator<Row[]>(layout, call, [])
  return rows.map((row) => ({
    version: row.key_version,
    records: row.credentials + row.given_secrets,
    unopened: row.unopened,
  }))
}

/** How many records are sealed with keys before `current`, and how many of them did not open. */
export async function sealedLeft(
  layout: Layout,
  current: number,
): Promise<{ records: number; unopened: number }> {
  const older = (await sealedBy(layout)).filter((one) => one.version > 0 && one.version < current)
  return {
    records: older.reduce((sum, one) => sum + one.records, 0),
    unopened: older.reduce((sum, one) => sum + one.unopened, 0),
  }
}
