import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogFrame, Target } from '../backend.ts'
import { deploy, ended, removeAll, soon } from '../testing/agent.ts'
import { type DockerFixture, dockerFixture } from './testing/docker-fixture.ts'

// The engine keeps three files of 10 MB; a line of these takes about 170 bytes in one.
const lines = (count: number) => ({
  command: ['/bin/sh', '-c', `seq -f "%010g $(head -c 90 /dev/zero | tr '\\0' x)" ${count}; echo end`],
})
const numberOf = (frame: LogFrame) => Number(frame.text.toString('latin1', 0, 10))

describe('logs that the engine rotates while they are read', () => {
  let fixture: DockerFixture
  beforeAll(async () => {
    fixture = await dockerFixture()
  })
  afterAll(() => fixture?.close())

  async function read(target: Target, each: (count: number) => Promise<void> | void): Promise<LogFrame[]> {
    const { containerId } = await deploy(fixture.backend, target)
    const frames: LogFrame[] = []
    for await (const frame of fixture.backend.logs(containerId, undefined, soon(120_000))) {
      frames.push(frame)
      await each(frames.length)
    }
    return frames
  }

  test('what it still holds is there once, at full speed over a rotation', async () => {
    const target = fixture.target(lines(100_000))
    try {
      const frames = await read(target, () => undefined)
      expect(frames.pop()?.text.toString()).toBe('end')
      expect(frames).toHaveLength(100_000)
      expect(frames.findIndex((frame, index) => numberOf(frame) !== index + 1)).toBe(-1)
      expect(frames.some((frame) => frame.gapBefore)).toBe(false)
    } finally {
      await removeAll(fixture.backend, target)
    }
  })

  test('what it threw away while the reader slept is a gap, and nothing comes twice', async () => {
    const target = fixture.target(lines(300_000))
    try {
      const frames = await read(target, async (count) => {
        if (count === 1000) await ended(fixture.backend, target)
      })
      expect(frames.pop()?.text.toString()).toBe('end')
      expect(numberOf(frames[0]!)).toBe(1)
      expect(numberOf(frames.at(-1)!)).toBe(300_000)
      const gaps = frames.filter((frame) => frame.gapBefore).map(numberOf)
      expect(gaps.length).toBeGreaterThan(0)
      const jumps = frames.filter(
        (frame, index) => numberOf(frame) !== (index && numberOf(frames[index - 1]!)) + 1,
      )
      expect(jumps.map(numberOf)).toEqual(gaps)
    } finally {
      await removeAll(fixture.backend, target)
    }
  })
})
