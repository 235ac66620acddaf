import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameReader } from '../backends/docker/log-frames.ts'
import { logBench, textOf } from './testing/log-bench.ts'
import { ownEngine } from './testing/own-engine.ts'

const database = testDatabase()

describe.runIf(process.getuid?.() === 0)('an engine that is killed while an agent prints', () => {
  const engine = ownEngine()
  beforeAll(() => engine.start(), 120_000)
  const bench = logBench(database, engine.docker)
  afterAll(() => engine.close(), 60_000)

  /** What the engine holds, read by itself. */
  async function held(containerId: string): Promise<string[]> {
    const options = { stdout: true, stderr: true, timestamps: true }
    const bytes = await engine.docker.getContainer(containerId).logs(options)
    return frameReader()
      .read(bytes)
      .map((frame) => frame.text.toString())
  }

  test('all that it holds when it is back is there once, and the container’s next words after it', async () => {
    // Its first run waits for what comes after the kill, however late that is.
    const script = 'seq -f "line %.0f" 1 60000; while [ ! -e /run/go/end ]; do sleep 0.05; done; echo end'
    const binds = [`${bench.keysDir}:/run/go:ro`]
    const containerId = await bench.run(script, binds, { size: '1m', count: 20 })
    const agentId = await bench.agentOf(containerId)
    const followers = bench.follow()
    await waitUntil('some lines', async () => (await bench.stored(agentId)).length > 2_000, { everyMs: 5 })
    await engine.kill()
    await bench.touch('end')
    await waitUntil('the follower to say so', () => followers.health().problems.length === 1)
    await engine.start()
    const container = engine.docker.getContainer(containerId)
    expect((await container.inspect()).State.Running).toBe(false)
    await container.start()
    followers.poke(agentId)
    await bench.exited(containerId)
    expect(await followers.settle(agentId, containerId, 60_000)).toBe('settled')
    const lines = await held(containerId)
    expect(lines.filter((line) => line === 'line 60000').length).toBeGreaterThan(0)
    expect(lines.filter((line) => line === 'line 1')).toHaveLength(2)
    expect(lines.at(-1)).toBe('end')
    const got = (await bench.stored(agentId)).map(textOf)
    expect(got.findIndex((text, index) => text !== lines[index])).toBe(-1)
    expect(got).toHaveLength(lines.length)
  })
})
