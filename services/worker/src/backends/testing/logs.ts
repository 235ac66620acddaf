import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LogFrame, Target } from '../backend.ts'
import type { ContractFixture } from '../backend-contract.ts'
import { allFrames, deploy, ended, removeAll, soon, textOf } from './agent.ts'

const sh = (script: string) => ({ command: ['/bin/sh', '-c', script] })

// Ten thousand lines on two streams, one of 40,000 characters between them, bytes that are no text, no last newline.
const program = [
  'seq 1 5000',
  'seq 1 1000 >&2',
  'head -c 40000 /dev/zero | tr "\\0" L; echo; seq 5001 9000',
  'printf "\\377\\000\\n"; printf "no end"',
].join('; ')

/** Every frame once, in order, from any cursor. */
export function logContract(use: () => ContractFixture): void {
  describe('logs', () => {
    let target: Target
    let containerId: string
    let frames: LogFrame[]

    beforeAll(async () => {
      const { backend, target: newTarget } = use()
      target = newTarget(sh(program))
      containerId = (await deploy(backend, target)).containerId
      // Read from the start while the program still writes, to its end.
      frames = await allFrames(backend, containerId)
      await ended(backend, target)
    })
    afterAll(() => (target ? removeAll(use().backend, target) : undefined))

    const only = (stream: LogFrame['stream']) => frames.filter((frame) => frame.stream === stream)

    test('a live reader got every line once, in the order of its stream', () => {
      const out = textOf(only('stdout')).split('\n')
      const numbers = [...seq(1, 5000), 'L'.repeat(40_000), ...seq(5001, 9000)]
      expect(out.slice(0, -2)).toEqual(numbers)
      expect(out.at(-1)).toBe('no end')
      expect(textOf(only('stderr'))).toBe(`${seq(1, 1000).join('\n')}\n`)
    })

    test('pieces of a long line say that they go on, and have cursors of their own', () => {
      const pieces = frames.filter((frame) => frame.text.includes('LL'))
      expect(pieces.map((piece) => piece.partial)).toEqual([true, true, false])
      expect(new Set(frames.map((frame) => `${frame.ts} ${frame.ordinal}`)).size).toBe(frames.length)
    })

    test('a line without an end is there, marked; bytes that are no text harm nothing', () => {
      expect(only('stdout').at(-1)).toMatchObject({ partial: true })
      const binary = only('stdout').at(-2)
      expect(binary?.partial).toBe(false)
      expect(binary?.text.includes(0)).toBe(true)
    })

    test('from a cursor anywhere: none missing, none doubled', async () => {
      const long = frames.findIndex((frame) => frame.text.includes('LL'))
      const places = [0, 1, 4321, long - 1, long, long + 1, long + 2, frames.length - 2, frames.length - 1]
      for (const place of places) {
        const { ts, ordinal } = frames[place]!
        const rest = await allFrames(use().backend, containerId, { containerId, ts, ordinal })
        expect(rest).toEqual(frames.slice(place + 1))
      }
    })

    test('the cursor of another container counts for nothing', async () => {
      const { ts, ordinal } = frames[4000]!
      const all = await allFrames(use().backend, containerId, { containerId: 'another', ts, ordinal })
      expect(all).toHaveLength(frames.length)
    })

    test('a cursor that the log no longer holds: what is younger, with a gap', async () => {
      const { ts } = frames[4000]!
      const rest = await allFrames(use().backend, containerId, { containerId, ts, ordinal: 777 })
      // In the order of the file: a frame of the other stream may carry a time from just before.
      const [next, ...others] = frames.slice(frames.findIndex((frame) => frame.ts > ts))
      expect(rest).toEqual([{ ...next!, gapBefore: true }, ...others])
    })

    test('a reader that stops in the middle and comes back, while the program writes', async () => {
      const { backend, target: newTarget } = use()
      const chatty = newTarget(sh('for i in $(seq 1 400); do echo $i; echo e$i >&2; sleep 0.005; done'))
      try {
        const { containerId: id } = await deploy(backend, chatty)
        const seen: LogFrame[] = []
        for (let visit = 0; visit < 200 && seen.length < 800; visit++) {
          const last = seen.at(-1)
          const cursor = last && { containerId: id, ts: last.ts, ordinal: last.ordinal }
          let more = 0
          for await (const frames of backend.logs(id, cursor, soon())) {
            const some = frames.slice(0, 37 - more)
            seen.push(...some)
            more += some.length
            if (more === 37) break
          }
        }
        const text = (stream: string) =>
          seen.filter((frame) => frame.stream === stream).map((frame) => frame.text.toString())
        expect(text('stdout')).toEqual(seq(1, 400))
        expect(text('stderr')).toEqual(seq(1, 400).map((n) => `e${n}`))
      } finally {
        await removeAll(backend, chatty)
      }
    })

    test('a line is there as soon as it is printed; an abort ends the reading with its reason', async () => {
      const { backend, target: newTarget } = use()
      const slow = newTarget(
        sh(
          'trap "exit 0" TERM; echo first; while [ ! -e /run/nora/go ]; do sleep 0.02; done; echo second; while :; do sleep 0.1; done',
        ),
      )
      const stop = new AbortController()
      try {
        const { containerId: id } = await deploy(backend, slow)
        const seen: string[] = []
        const reading = (async () => {
          for await (const frames of backend.logs(id, undefined, stop.signal)) {
            seen.push(...frames.map((frame) => frame.text.toString()))
          }
        })()
        const reason = new Error('enough')
        const rejected = expect(reading).rejects.toBe(reason)
        await waitUntil('the first line', () => seen.includes('first'))
        await backend.writeSecrets(slow, [{ name: 'go', content: Buffer.alloc(0) }], soon())
        await waitUntil('the second line', () => seen.includes('second'), { deadlineMs: 60_000 })
        stop.abort(reason)
        await rejected
      } finally {
        await removeAll(backend, slow)
      }
    })

    test('the log of a container that is gone is not found', async () => {
      const gone = 'f'.repeat(64)
      await expect(allFrames(use().backend, gone)).rejects.toMatchObject({ code: 'not-found' })
    })
  })
}

const seq = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => String(from + i))
