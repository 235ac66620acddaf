import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { findEngine, ownEnginePid } from './engine.ts'

test('finds the engine that answers, and none where nothing listens', async () => {
  // It answers when it has time: one look waits two seconds.
  const engine = await waitUntil('an engine', () => findEngine(), { deadlineMs: 120_000 })
  expect(engine.version).toMatch(/^\d+\./)
  expect(engine.cgroupVersion).toMatch(/^[12]$/)
  expect(await findEngine('/nowhere/docker.sock')).toBeUndefined()
})

test('a pid file that names another program is no engine of ours', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nora-engine-'))
  const pidFile = join(folder, 'engine.pid')
  expect(await ownEnginePid(pidFile)).toBeUndefined()
  await writeFile(pidFile, `${process.pid}\n`)
  expect(await ownEnginePid(pidFile)).toBeUndefined()
  await rm(folder, { recursive: true })
})
