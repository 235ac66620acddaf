import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, expect, test } from 'vitest'
import { logBench, textOf } from './testing/log-bench.ts'
import { viewBench } from './testing/view-bench.ts'

const database = testDatabase()
const redis = testRedis()
const bench = logBench(database)
const views = viewBench(database, redis)
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const print = (from: number, to: number) => `seq -f "line %.0f" ${from} ${to}`
const texts = async (agentId: string) => (await bench.stored(agentId)).map(textOf)

function followElsewhere(workerId: string): ChildProcess {
  const path = fileURLToPath(new URL('testing/follower-process.ts', import.meta.url))
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'inherit', 'inherit'] })
  child.stdin!.end(JSON.stringify({ databaseUrl: database.workerUrl, workerId, folder: bench.keysDir }))
  children.push(child)
  return child
}

test('a worker that is dead while the log rotates on misses nothing that is held, and doubles nothing', async () => {
  // 1 MB files hold about 11,500 of these lines: the log is rotated nine times, and all of it is held.
  const go = (name: string) => `while [ ! -e /run/go/${name} ]; do sleep 0.05; done`
  const script = `${print(1, 20_000)}; ${go('rotate')}; ${print(20_001, 60_000)}; head -c 40000 /dev/zero | tr "\\0" L; echo
    ${print(60_001, 90_000)}; printf "\\377\\000\\n"; ${print(90_001, 100_000)}; printf "no end"`
  const containerId = await bench.run(script, [`${bench.keysDir}:/run/go:ro`], { size: '1m', count: 20 })
  const agentId = await bench.agentOf(containerId)
  const first = followElsewhere('worker-to-be-killed')
  await waitUntil('some lines', async () => (await bench.stored(agentId)).length > 1_000)
  const dead = once(first, 'exit')
  first.kill('SIGKILL')
  await dead
  expect((await bench.stored(agentId)).length).toBeLessThanOrEqual(20_000)
  await bench.touch('rotate')
  await bench.exited(containerId)
  const followers = bench.follow()
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  const expected = [...numbered(1, 60_000), 'L'.repeat(40_000), ...numbered(60_001, 90_000), '\ufffd\u0000']
  expected.push(...numbered(90_001, 100_000), 'no end')
  const got = await texts(agentId)
  expect(got.findIndex((text, index) => text !== expected[index])).toBe(-1)
  expect(got).toHaveLength(expected.length)
})

test('a container that is removed in the middle of its words leaves them without a hole, or with a gap at the end', async () => {
  const containerId = await bench.run(`${print(1, 5_000)}; sleep 0.2; ${print(5_001, 40_000)}; sleep 60`)
  const agentId = await bench.agentOf(containerId)
  bench.follow()
  await waitUntil('some lines', async () => (await bench.stored(agentId)).length > 5_000, { everyMs: 5 })
  await bench.docker.getContainer(containerId).remove({ force: true })
  const isOver = async () => {
    const [row] = await database.asSuperuser('select ended from nora.log_followers where agent_id = $1', [
      agentId,
    ])
    return row?.['ended'] === true
  }
  await waitUntil('the follower to have noticed', isOver, { deadlineMs: 60_000 })
  const got = await texts(agentId)
  const gap = got.at(-1)!.startsWith('(gap: ') ? got.pop() : undefined
  expect(got.findIndex((text, index) => text !== `line ${index + 1}`)).toBe(-1)
  if (got.length < 40_000) expect(gap).toContain('before its log was read to the end')
})

test('a small chunk that housekeeping took away while it grew costs no line', async () => {
  const containerId = await bench.run('echo one; while [ ! -e /run/go/go ]; do sleep 0.05; done; echo two', [
    `${bench.keysDir}:/run/go:ro`,
  ])
  const agentId = await bench.agentOf(containerId)
  const followers = bench.follow()
  await bench.texts(agentId, 1)
  await database.asSuperuser('delete from nora.log_chunks where agent_id = $1', [agentId])
  await bench.touch('go')
  await bench.exited(containerId)
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  expect((await bench.stored(agentId)).map((record) => [record.seq, textOf(record)])).toEqual([[2, 'two']])
})

test('twenty quiet agents beside one that prints ten thousand lines a second: prompt, and all is there', async () => {
  const quietLines = 30
  // Nobody prints before everybody is watched.
  const together = 'while [ ! -e /run/go/together ]; do sleep 0.1; done'
  const binds = [`${bench.keysDir}:/run/go:ro`]
  const quiet = `${together}; i=1; while [ $i -le ${quietLines} ]; do echo line $i; i=$((i+1)); sleep 0.3; done; sleep 600`
  const containers = await Promise.all(Array.from({ length: 20 }, () => bench.run(quiet, binds)))
  const noisyId = await bench.run(
    `${together}; for i in $(seq 0 99); do seq -f "line %.0f" $((i*1000+1)) $((i*1000+1000)); sleep 0.1; done`,
    binds,
  )
  const own = async (containerId: string) => {
    const agentId = await views.agent()
    await bench.setContainer(agentId, containerId, 1)
    return agentId
  }
  const agents = await Promise.all(containers.map(own))
  const noisy = await own(noisyId)
  const followers = bench.follow({ ring: views.ring })
  const late: number[] = []
  const watchers = await Promise.all(
    agents.map(async (agentId) => {
      const watcher = await views.watch(agentId, '?after=0')
      watcher.ws.on('message', (data) => {
        for (const line of JSON.parse(String(data)).lines ?? []) {
          late.push(Date.now() - Date.parse(line.ts))
        }
      })
      return watcher
    }),
  )
  await bench.touch('together')
  const began = Date.now()
  await bench.exited(noisyId)
  expect(await followers.settle(noisy, noisyId, 90_000)).toBe('settled')
  const took = Date.now() - began
  await waitUntil('all of the quiet lines', () => watchers.every((one) => one.seqs().length === quietLines), {
    deadlineMs: 60_000,
  })
  const loud = await texts(noisy)
  expect(loud.findIndex((text, index) => text !== `line ${index + 1}`)).toBe(-1)
  expect(loud).toHaveLength(100_000)
  for (const one of watchers) expect(one.seqs()).toEqual(Array.from({ length: quietLines }, (_, i) => i + 1))
  // Who waited for the noisy one would have its lines when that is over: the middle one late by half of all that time.
  late.sort((a, b) => a - b)
  expect(late[Math.floor(late.length / 2)]).toBeLessThan(took / 5)
})
