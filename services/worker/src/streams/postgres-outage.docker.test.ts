import { readFile } from 'node:fs/promises'
import { cloneDatabase, type TestDatabase } from '@nora/testing/clone-database'
import { startPostgresServer } from '@nora/testing/postgres-server'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { logBench } from './testing/log-bench.ts'

const database = {} as TestDatabase
const ends: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  const { server, stop } = await startPostgresServer(AbortSignal.timeout(60_000))
  ends.push(stop)
  const cloned = await cloneDatabase(server)
  ends.push(cloned.drop)
  Object.assign(database, cloned.database)
})
const bench = logBench(database)
afterAll(async () => {
  for (const end of ends.reverse()) await end()
})

/** All processes of this file's Postgres. */
async function serverPids(): Promise<number[]> {
  const [row] = await database.asSuperuser<{ pid: number }>('select pg_backend_pid() as pid')
  const status = await readFile(`/proc/${row!.pid}/status`, 'utf8')
  const server = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1])
  const children = await readFile(`/proc/${server}/task/${server}/children`, 'utf8')
  return [server, ...children.trim().split(' ').map(Number)]
}

/** One of its children may have ended since it was counted. */
function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The number of the newest line that the engine has. */
async function printed(containerId: string): Promise<number> {
  const log = await bench.docker.getContainer(containerId).logs({ stdout: true, tail: 1 })
  return Number(/line (\d+)/.exec(log.toString('latin1'))?.[1] ?? 0)
}

test('Postgres away for thirty seconds while lines go on: each is there once when it is back', async () => {
  // Twenty lines a second, and two thousand at once in the middle of the outage.
  const slow = (from: number, to: number) =>
    `i=${from}; while [ $i -le ${to} ]; do echo line $i; i=$((i+1)); sleep 0.05; done`
  const containerId = await bench.run(
    `${slow(1, 300)}; seq -f "line %.0f" 301 2300; ${slow(2301, 2700)}; echo line 2701; sleep 600`,
  )
  const agentId = await bench.agentOf(containerId)
  const followers = bench.follow()
  await bench.texts(agentId, 20)
  const pids = await serverPids()
  try {
    for (const pid of pids) tell(pid, 'SIGSTOP')
    // 280 slow ones before the burst and 320 after it take thirty seconds.
    await waitUntil('thirty seconds of lines', async () => (await printed(containerId)) > 2620, {
      deadlineMs: 200_000,
      everyMs: 250,
    })
  } finally {
    for (const pid of pids) tell(pid, 'SIGCONT')
  }
  const expected = Array.from({ length: 2701 }, (_, i) => `line ${i + 1}`)
  expect(await bench.texts(agentId, expected.length, 60_000)).toEqual(expected)
  expect((await bench.stored(agentId)).map((record) => record.seq)).toEqual(expected.map((_, i) => i + 1))
  await waitUntil('no problem any more', () => followers.health().problems.length === 0)
}, 400_000)
