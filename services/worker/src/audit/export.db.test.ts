import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testDatabase } from '@nora/testing/postgres'
import { beforeEach, expect, test } from 'vitest'
import { AuditBroken } from './chain.ts'
import { auditExport } from './export.ts'
import { chainAll, chainDeps, writeRows } from './testing/audit-rows.ts'

const database = testDatabase()
const deps = chainDeps(database)
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-audit-export-'))
})

async function exportAll(exporter = auditExport(deps, folder, 20_000)): Promise<void> {
  while (await exporter.round());
}
const names = async (kind: string) => (await readdir(folder)).filter((name) => name.startsWith(kind)).sort()
async function positions(kind: string): Promise<number[]> {
  const texts = await Promise.all((await names(kind)).map((name) => readFile(join(folder, name), 'utf8')))
  return texts
    .join('')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).position)
}
const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1)

test('every place stands there once and in order, in files that are turned over, for nobody else to read', async () => {
  await writeRows(database, 120)
  await chainAll(deps)
  await exportAll()
  expect(await positions('entries')).toEqual(upTo(120))
  expect(await positions('checkpoints')).toEqual([120])
  await writeRows(database, 60)
  await chainAll(deps)
  await exportAll()
  await exportAll()
  expect(await positions('entries')).toEqual(upTo(180))
  expect((await names('entries')).length).toBeGreaterThan(1)
  expect((await names('entries'))[0]).toBe('entries-000000000000001.jsonl')
  for (const name of await readdir(folder)) expect((await stat(join(folder, name))).mode & 0o077).toBe(0)
  expect(await readFile(join(folder, 'public-key.txt'), 'utf8')).toBe(
    `${deps.auditKeys[0].publicKey.toString('base64url')}\n`,
  )
})

test('goes on after half a line, an empty new file, and files that were moved away', async () => {
  await exportAll()
  const [newest] = (await names('entries')).slice(-1)
  await appendFile(join(folder, newest!), '{"kind":"entry","position":181,"prev')
  await writeFile(join(folder, 'entries-000000000000181.jsonl'), '')
  const before = (await positions('checkpoints')).length
  await writeRows(database, 3)
  await chainAll(deps)
  await exportAll()
  expect((await positions('entries')).slice(-3)).toEqual([181, 182, 183])
  expect((await positions('checkpoints')).length).toBe(before)
  for (const name of (await names('entries')).slice(0, -1)) await rm(join(folder, name))
  await writeRows(database, 1)
  await chainAll(deps)
  await exportAll()
  expect((await positions('entries')).slice(-1)).toEqual([184])
})

test('two workers that share a folder write every place once', async () => {
  const both = [auditExport(deps, folder, 5_000), auditExport(chainDeps(database), folder, 5_000)]
  await Promise.all(both.map((exporter) => exportAll(exporter)))
  const [first] = both
  for (let n = 0; n < 5; n++) {
    await writeRows(database, 7)
    await chainAll(deps)
    await Promise.all(both.map((exporter) => exportAll(exporter)))
  }
  expect(await positions('entries')).toEqual(upTo(first!.known().position))
})

test('a folder that takes nothing is an error, and nothing is lost when it takes something again', async () => {
  const blocked = join(folder, 'audit')
  await writeFile(blocked, 'a file where the folder should be')
  const exporter = auditExport(deps, blocked)
  await expect(exporter.round()).rejects.toThrow('EEXIST')
  await rm(blocked)
  await exportAll(exporter)
  folder = blocked
  expect(await positions('entries')).toEqual(upTo(exporter.known().position))
})

test('notices by what it has written that the tail was cut off, or another past was put there', async () => {
  const exporter = auditExport(deps, folder)
  await exportAll(exporter)
  const known = exporter.known().position
  await database.asSuperuser(`create table if not exists public.kept as table nora.audit_chain`)
  await database.asSuperuser(`update nora.audit_chain set hash = sha256('x') where position = ${known}`)
  await expect(exporter.round()).rejects.toThrow('it is not what this worker has written down')
  // A worker that starts anew remembers as well.
  await expect(auditExport(deps, folder).round()).rejects.toThrow(AuditBroken)
  await database.asSuperuser(`delete from nora.audit_chain where position = ${known};
    update nora.audit_head set position = ${known - 1}, hash = (select hash from nora.audit_chain where position = ${known - 1})`)
  await expect(exporter.round()).rejects.toThrow(`position ${known}: its tail is cut off`)
})
