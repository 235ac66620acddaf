import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogFrame } from '../backend.ts'
import { soon } from '../testing/agent.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

// A line of these takes about 170 bytes in the engine's file.
// After the first it waits until somebody reads: what is rotated away before that would be no gap.
const seq = `seq -f "%010g $(head -c 90 /dev/zero | tr '\\0' x)"`
const lines = (count: number) => `${seq} 1; until [ -e /tmp/go ]; do :; done; ${seq} 2 ${count}; echo end`
const numberOf = (frame: LogFrame) => Number(frame.text.toString('latin1', 0, 10))

describe('logs that the engine rotates while they are read', () => {
  let fixture: DockerFixture
  beforeAll(async () => {
    fixture = await dockerFixture()
  })
  afterAll(() => fixture?.close())

  /** A container of the fixture's installation with log files of this size; the agents' own are larger. */
  async function run(script: string, size: string, files: number): Promise<string> {
    const { docker, installation } = fixture
    const container = await docker.createContainer({
      Image: fixture.target().image.reference,
      Cmd: ['/bin/sh', '-c', script],
      Labels: { 'com.nora.installation': installation },
      HostConfig: {
        NetworkMode: 'none',
        LogConfig: { Type: 'json-file', Config: { 'max-size': size, 'max-file': String(files) } },
      },
    })
    await container.start()
    return container.id
  }

  async function go(id: string): Promise<void> {
    const command = { Cmd: ['/bin/sh', '-c', ': > /tmp/go'], AttachStdout: true }
    const stream = await (await fixture.docker.getContainer(id).exec(command)).start({})
    stream.resume()
  }

  async function read(id: string, each: (count: number) => Promise<void> | void): Promise<LogFrame[]> {
    const frames: LogFrame[] = []
    for await (const some of fixture.backend.logs(id, undefined, soon(120_000))) {
      if (frames.length === 0) await go(id)
      for (const frame of some) frames.push(frame)
      await each(frames.length)
    }
    return frames
  }

  test('what it still holds is there once, at full speed over rotations', async () => {
    const frames = await read(await run(lines(150_000), '10m', 4), () => undefined)
    expect(frames.pop()?.text.toString()).toBe('end')
    expect(frames.findIndex((frame, index) => numberOf(frame) !== index + 1)).toBe(-1)
    expect(frames).toHaveLength(150_000)
    expect(frames.some((frame) => frame.gapBefore)).toBe(false)
  })

  test('what it threw away while the reader slept is a gap, and nothing comes twice', async () => {
    const id = await run(lines(100_000), '2m', 3)
    const over = fixture.docker.getContainer(id)
    let slept = false
    const frames = await read(id, async () => {
      if (!slept) await over.wait()
      slept = true
    })
    expect(frames.pop()?.text.toString()).toBe('end')
    expect(numberOf(frames[0]!)).toBe(1)
    expect(numberOf(frames.at(-1)!)).toBe(100_000)
    const gaps = frames.filter((frame) => frame.gapBefore).map(numberOf)
    expect(gaps.length).toBeGreaterThan(0)
    const jumps = frames.filter(
      (frame, index) => numberOf(frame) !== (index && numberOf(frames[index - 1]!)) + 1,
    )
    expect(jumps.map(numberOf)).toEqual(gaps)
  })
})
