import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch } from '@nora/embedded/child'
import { waitFor } from '@nora/embedded/wait'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keepRunning, type ProcessStatus } from './keep-running.ts'

let folder: string
const said: string[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-keep-'))
  said.length = 0
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const keep = (script: string) =>
  keepRunning({
    name: 'thing',
    say: (line) => said.push(line),
    firstDelayMs: 20,
    start: () =>
      launch({
        ...{ command: process.execPath, args: ['-e', script], env: { PATH: process.env['PATH'] } },
        logFile: join(folder, 'log'),
      }),
  })

const until = (check: () => boolean) =>
  waitFor(async () => (check() ? true : undefined), {
    ...{ signal: new AbortController().signal, deadlineMs: 60_000 },
    describe: async () => `it never came true; said:\n${said.join('\n')}`,
  })

test('starts again what is killed, with a new pid, and says so', async () => {
  const kept = keep('setInterval(() => {}, 1000)')
  await kept.started
  const first = kept.status().pid as number
  process.kill(first, 'SIGKILL')
  await until(() => kept.status().state === 'running' && kept.status().pid !== first)
  expect(kept.status().restarts).toBe(1)
  expect(said).toEqual(['thing: ended with SIGKILL; starting again in 0.02 s'])
  await kept.stop()
  expect(kept.status()).toMatchObject({ state: 'stopped', pid: null } satisfies Partial<ProcessStatus>)
})

test('waits longer after each crash', async () => {
  const kept = keep('process.exit(3)')
  await until(() => said.length >= 4)
  await kept.stop()
  expect(said.slice(0, 4)).toEqual(
    [0.02, 0.04, 0.08, 0.16].map((wait) => `thing: ended with code 3; starting again in ${wait} s`),
  )
})

test('leaves alone what refuses its configuration', async () => {
  const kept = keep('process.exit(78)')
  await until(() => kept.status().state === 'refused')
  expect(kept.status().restarts).toBe(0)
  expect(said[0]).toContain('refuses its configuration')
  await kept.stop()
})

test('a restart that was asked for counts as no crash', async () => {
  const kept = keep('setInterval(() => {}, 1000)')
  await kept.started
  const first = kept.status().pid
  await kept.restart()
  await until(() => kept.status().state === 'running' && kept.status().pid !== first)
  expect(kept.status().restarts).toBe(0)
  expect(said).toEqual([])
  await kept.stop()
})

test('a first start that fails is told to whoever waits', async () => {
  const kept = keepRunning({
    name: 'thing',
    say: (line) => said.push(line),
    start: async () => {
      throw new Error('no such program')
    },
  })
  await expect(kept.started).rejects.toThrow('thing did not start: no such program')
  await kept.stop()
})
