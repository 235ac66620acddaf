import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { engineUse, stopLeftEngine } from './engine-part.ts'
import type { Installation } from './installation.ts'
import { removeDockerObjects } from './remove-objects.ts'

let folder: string
let engine: ChildProcess
let installation: Installation
const closing: (() => unknown)[] = []

// A program that is called dockerd and outlives its supervisor; what it says, a test decides.
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nora-engine-part-'))
  const program = join(folder, 'dockerd')
  copyFileSync('/bin/sleep', program)
  engine = spawn(program, ['600'], { stdio: 'ignore' })
  await waitUntil('the program to have its name', () => comm() === 'dockerd', { deadlineMs: 30_000 })
  const enginePidFile = join(folder, 'engine.pid')
  writeFileSync(enginePidFile, `${engine.pid}\n`)
  installation = { id: 'ours', enginePidFile, engineSocket: join(folder, 'docker.sock') } as Installation
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  if (engine.exitCode === null && engine.signalCode === null) {
    engine.kill('SIGKILL')
    await once(engine, 'exit')
  }
  rmSync(folder, { recursive: true })
})

const comm = () => readFileSync(`/proc/${engine.pid}/comm`, 'utf8').trim()

/** Answers every call on the engine's socket like this. */
async function saying(status: number, body: string): Promise<void> {
  const server = createServer((_, response) => response.writeHead(status).end(body))
  server.listen(installation.engineSocket)
  await once(server, 'listening')
  closing.push(() => new Promise((resolve) => server.close(resolve)))
}
const container = (installationId: string) => ({ Labels: { 'com.nora.installation': installationId } })

test('an engine that does not answer is not taken for one without containers of others, and goes on', async () => {
  expect(await engineUse(installation)).toBe('unanswered')
  expect(await stopLeftEngine(installation)).toBe('unanswered')
  expect(engine.signalCode).toBeNull()
  expect(comm()).toBe('dockerd')
})

test.each<[number, string]>([
  [500, '{"message":"out of memory"}'],
  [200, 'nothing of a list'],
  [200, '{}'],
])('nor one that answers %i %s', async (status, body) => {
  await saying(status, body)
  expect(await stopLeftEngine(installation)).toBe('unanswered')
  expect(comm()).toBe('dockerd')
})

test('one that runs containers of others goes on, and one that runs ours alone is stopped', async () => {
  await saying(200, JSON.stringify([container('ours'), {}]))
  expect(await stopLeftEngine(installation)).toBe('shared')
  expect(comm()).toBe('dockerd')
  for (const close of closing.splice(0)) await close()
  await saying(200, JSON.stringify([container('ours')]))
  const exited = once(engine, 'exit')
  expect(await stopLeftEngine(installation)).toBe('stopped')
  await exited
  expect(await stopLeftEngine(installation)).toBe('none')
})

test.each([
  ['does not answer', undefined],
  ['answers {"message":"busy"}', 503],
])('whoever uninstalls is told that an engine %s, and how to see what is left', async (words, status) => {
  if (status !== undefined) await saying(status, '{"message":"busy"}')
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  await removeDockerObjects(installation, { purge: true, signal: AbortSignal.timeout(120_000), say })
  const looks = ['container ls --all', 'network ls', 'volume ls']
  expect(lines).toEqual(
    looks.map((look) => {
      const [kind] = look.split(' ')
      return `could not remove ${kind}s: the engine ${words}; \`docker ${look} --filter label=com.nora.installation=ours\` shows what is left`
    }),
  )
})
