import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, expect, test } from 'vitest'
import { logBench, textOf } from './testing/log-bench.ts'

const database = testDatabase()
const bench = logBench(database)
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const count = (from: number, to: number) =>
  `i=${from}; while [ $i -lt ${to} ]; do echo "line $i"; i=$((i+1)); done`
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`)
const seqs = async (agentId: string) => (await bench.stored(agentId)).map((record) => record.seq)

function followElsewhere(workerId: string): ChildProcess {
  const path = fileURLToPath(new URL('testing/follower-process.ts', import.meta.url))
  const child = spawn(process.execPath, [path], { stdio: ['pipe', 'inherit', 'inherit'] })
  child.stdin!.end(JSON.stringify({ databaseUrl: database.workerUrl, workerId, folder: bench.keysDir }))
  children.push(child)
  return child
}

test('ten thousand lines, each once and in order, and the log is settled', async () => {
  const containerId = await bench.run(count(0, 10_000))
  const agentId = await bench.agentOf(containerId)
  const rings: string[] = []
  const followers = bench.follow({ ring: (id) => rings.push(id) })
  await bench.exited(containerId)
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  expect((await bench.stored(agentId)).map(textOf)).toEqual(numbered(0, 10_000))
  expect(await seqs(agentId)).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1))
  expect(new Set(rings)).toEqual(new Set([agentId]))
  const chunks = await database.asSuperuser<{ n: number }>(
    'select count(*)::int as n from nora.log_chunks where agent_id = $1',
    [agentId],
  )
  expect(chunks[0]!.n).toBeLessThan(60)
})

test('a line that is printed now is stored now, and a quiet agent does not cost a row a line', async () => {
  const containerId = await bench.run('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.2; done; sleep 30')
  const agentId = await bench.agentOf(containerId)
  bench.follow()
  expect(await bench.texts(agentId, 8)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8'])
  const rows = await database.asSuperuser('select lines from nora.log_chunks where agent_id = $1', [agentId])
  expect(rows).toEqual([{ lines: 8 }])
})

test('a follower that is killed is taken over: no line is missing, none is there twice', async () => {
  // The second half waits for the death of who reads the first.
  const bursts = `b=0; while [ $b -lt 60 ]; do while [ $b -ge 30 -a ! -e /run/go/killed ]; do sleep 0.05; done; ${count(0, 100).replace('i=0', 'i=$((b*100))').replace('-lt 100', '-lt $((b*100+100))')}; b=$((b+1)); sleep 0.1; done`
  const containerId = await bench.run(bursts, [`${bench.keysDir}:/run/go:ro`])
  const agentId = await bench.agentOf(containerId)
  const first = followElsewhere('worker-to-be-killed')
  await bench.texts(agentId, 1500)
  const dead = once(first, 'exit')
  first.kill('SIGKILL')
  await dead
  expect((await bench.stored(agentId)).length).toBeLessThanOrEqual(3000)
  await bench.touch('killed')
  bench.follow()
  expect(await bench.texts(agentId, 6000, 90_000)).toEqual(numbered(0, 6000))
  expect(await seqs(agentId)).toEqual(Array.from({ length: 6000 }, (_, i) => i + 1))
})

test('long lines, binary, both streams, and an end without newline', async () => {
  const script = [
    'head -c 40000 /dev/zero | tr "\\0" x; echo',
    'head -c 100000 /dev/zero | tr "\\0" y; echo',
    'printf "a\\000b\\377c\\n"',
    'echo err >&2',
    'printf "tab\\tquote\\" back\\\\ ü"',
  ].join('; ')
  const containerId = await bench.run(script)
  const agentId = await bench.agentOf(containerId)
  const followers = bench.follow()
  await bench.exited(containerId)
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  const records = await bench.stored(agentId)
  const of = (stream: string) => records.filter((r) => 'stream' in r && r.stream === stream).map(textOf)
  const out = of('stdout')
  expect(out[0]).toBe('x'.repeat(40_000))
  expect(out[1]).toBe(`${'y'.repeat(65_536)} [cut here: the line is longer than 64 KiB]`)
  expect(out.slice(2)).toEqual(['a\u0000b\ufffdc', 'tab\tquote" back\\ ü'])
  expect(of('stderr')).toEqual(['err'])
})

test('a container that is removed as soon as it is settled leaves its last words', async () => {
  const containerId = await bench.run(`${count(0, 500)}; echo last words; exit 3`)
  const agentId = await bench.agentOf(containerId)
  const followers = bench.follow()
  await bench.exited(containerId)
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  await bench.docker.getContainer(containerId).remove()
  expect((await bench.stored(agentId)).map(textOf)).toEqual([...numbered(0, 500), 'last words'])
})

test('one worker waits for a log that another one follows', async () => {
  const containerId = await bench.run(count(0, 200))
  const agentId = await bench.agentOf(containerId)
  followElsewhere('worker-elsewhere')
  await bench.texts(agentId, 200)
  const here = bench.follow()
  expect(await here.settle(agentId, containerId, 60_000)).toBe('settled')
  expect(here.health().followed).toBe(0)
})

test('a new container goes on with the next number; what was never read is said to be missing', async () => {
  const before = await bench.run('echo one')
  const agentId = await bench.agentOf(before)
  const followers = bench.follow()
  await bench.exited(before)
  expect(await followers.settle(agentId, before, 60_000)).toBe('settled')
  const second = await bench.run('echo two; sleep 60')
  await bench.setContainer(agentId, second, 2)
  await bench.texts(agentId, 2)
  await followers.stop()
  await bench.docker.getContainer(second).remove({ force: true })
  const third = await bench.run('echo three; sleep 60')
  await bench.setContainer(agentId, third, 3)
  bench.follow()
  await bench.texts(agentId, 4)
  expect((await bench.stored(agentId)).map((record) => [record.seq, textOf(record)])).toEqual([
    [1, 'one'],
    [2, 'two'],
    [3, '(gap: the container was removed before its log was read to the end)'],
    [4, 'three'],
  ])
  const rows = await database.asSuperuser(
    'select generation, lines from nora.log_chunks where agent_id = $1 order by first_seq',
    [agentId],
  )
  expect(rows.map((row) => row['generation'])).toEqual([1, 2, 2, 3])
})

test('a container that is started again is read on; waiting in vain for a running one says so', async () => {
  const script = 'echo run; while [ ! -e /run/go/end ]; do sleep 0.05; done'
  const containerId = await bench.run(script, [`${bench.keysDir}:/run/go:ro`])
  const agentId = await bench.agentOf(containerId)
  const followers = bench.follow()
  expect(await followers.settle(agentId, containerId, 300)).toBe('gap')
  await bench.touch('end')
  await bench.exited(containerId)
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  await bench.docker.getContainer(containerId).start()
  followers.poke(agentId)
  expect(await bench.texts(agentId, 2)).toEqual(['run', 'run'])
})

test('an agent that prints faster than it may is read later, not lost', async () => {
  const containerId = await bench.run('seq -f "line %.0f" 0 9999')
  // All of it is there before anybody reads: how fast it was printed has no say.
  await bench.exited(containerId)
  const agentId = await bench.agentOf(containerId)
  const followers = bench.follow({ limits: { linesPerSecond: 500, lineBurst: 1000 } })
  await waitUntil('reading to pause', () => followers.health().problems.length === 1)
  expect((await bench.stored(agentId)).length).toBeLessThan(8_000)
  expect(await bench.texts(agentId, 10_000, 120_000)).toEqual(numbered(0, 10_000))
})

test('no more is kept than may be, the oldest goes first', async () => {
  const script =
    'i=0; while [ $i -lt 300 ]; do head -c 600 /dev/urandom | tr -dc "a-zA-Z0-9"; echo " $i"; i=$((i+1)); done'
  const containerId = await bench.run(script)
  const agentId = await bench.agentOf(containerId)
  const followers = bench.follow({ limits: { keptBytes: 20_000 } })
  await bench.exited(containerId)
  expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
  const [row] = await database.asSuperuser<{ kept: number; stored: number }>(
    `select sum(length(data))::int as kept, (select stored_bytes::int from nora.log_followers where agent_id = $1) as stored
     from nora.log_chunks where agent_id = $1`,
    [agentId],
  )
  expect(row!.kept).toBe(row!.stored)
  expect(row!.kept).toBeLessThan(20_000 + 65_536)
  const records = await bench.stored(agentId)
  expect(records[0]!.seq).toBeGreaterThan(1)
  expect(records.at(-1)!.seq).toBe(300)
})
