import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findEngine, ownEnginePid } from './engine.ts'

test('finds the engine that answers, and none where nothing listens', async () => {
  const engine = await findEngine()
  expect(engine?.version).toMatch(/^\d+\./)
  expect(engine?.cgroupVersion).toMatch(/^[12]$/)
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
