import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ownMs } from '@nora/testing/own-time'
import { testDatabase } from '@nora/testing/postgres'
import { tempFolder } from '@nora/testing/temp-folder'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLoops, type Loops } from '../loops.ts'
import { startAudit } from './start-audit.ts'
import { chainDeps, writeRows } from './testing/audit-rows.ts'

const database = testDatabase()
const deps = chainDeps(database)
const stopping = new AbortController()
let folder: string
let loops: Loops

beforeAll(async () => {
  folder = await tempFolder('nora-audit-loops-')
  loops = createLoops(deps.log, stopping.signal)
  const parts = { db: database.worker, log: deps.log, auditKeys: deps.auditKeys, auditFolder: folder }
  startAudit(parts, loops, { auditChain: 500, auditExport: 2_000 })
})
afterAll(async () => {
  stopping.abort()
  await loops.ended()
})

const chained = async () =>
  (await database.asSuperuser<{ n: number }>('select count(*)::int as n from nora.audit_chain'))[0]!.n
const health = (name: string) => loops.health().find((loop) => loop.name === name)!

test('a row is in the chain within a second, and on the disk soon after', async () => {
  await waitUntil('the loops run', () => health('audit-export').lastOkAt && health('audit-chain').lastOkAt)
  for (let n = 1; n <= 3; n++) {
    await writeRows(database, 1)
    const there = () => waitUntil('it is chained', async () => (await chained()) === n, { everyMs: 10 })
    // Every half; what this process or Postgres stood still is not the loop's.
    expect(await ownMs(there, () => database.asSuperuser('select 1'))).toBeLessThan(1_000)
  }
  await waitUntil('it is on the disk', async () => {
    const names = (await readdir(folder)).filter((name) => name.startsWith('entries-'))
    const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
    return texts.join('').split('\n').length === 4
  })
})

test('a chain that was tampered with is said loudly, once in the audit itself, and degrades the worker', async () => {
  await database.asSuperuser(`update nora.audit_head set hash = sha256('x')`)
  await writeRows(database, 1)
  const told = await waitUntil('both loops fail', () => health('audit-chain').lastError)
  expect(told).toContain('the audit chain is broken at position 3')
  await waitUntil('the worker is degraded', () => health('audit-chain').late, { deadlineMs: 90_000 })
  expect(await chained()).toBe(3)
  const reports = await database.asSuperuser<{ details: { position: number } }>(
    `select details from nora.audit_log where event_type = 'AUDIT_CHAIN_BROKEN'`,
  )
  expect(reports).toHaveLength(1)
  expect(reports[0]!.details.position).toBe(3)
  expect(deps.logged.join('')).toContain('the audit chain is broken at position 3')
})
