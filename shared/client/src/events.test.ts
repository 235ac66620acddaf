import { expect, test } from 'vitest'
import { eventParser, readEvents, StreamSilent } from './events.ts'

const whole =
  'data: {"a":1}\n\n: still here\n\nevent: x\ndata:two\ndata: lines\r\n\r\nid: 4\ndata\n\ndata: [DONE]\n\n'
const given = ['{"a":1}', 'two\nlines', '', '[DONE]']

test('events are the same however the text is cut', () => {
  for (const size of [1, 2, 3, 7, whole.length]) {
    const parse = eventParser()
    const found: string[] = []
    for (let at = 0; at < whole.length; at += size) found.push(...parse(whole.slice(at, at + size)))
    expect(found).toEqual(given)
  }
})

test('an event without an end is given up', () => {
  const parse = eventParser()
  expect(() => {
    for (let i = 0; i < 10; i++) parse('x'.repeat(1_000_000))
  }).toThrow('too long')
})

const never = new AbortController().signal
const answerOf = (...chunks: (string | undefined)[]) =>
  new Response(
    new ReadableStream({
      pull(controller) {
        const chunk = chunks.shift()
        if (chunk === undefined) return new Promise(() => undefined)
        controller.enqueue(new TextEncoder().encode(chunk))
        if (chunks.length === 0) controller.close()
      },
    }),
  )
const all = async (events: AsyncIterable<string>) => {
  const found: string[] = []
  for await (const event of events) found.push(event)
  return found
}

test('an answer is read up to its end', async () => {
  const events = readEvents(answerOf('data: ü', '\n\ndata: last'), { idleMs: 5_000, signal: never })
  expect(await all(events)).toEqual(['ü', 'last'])
})

test('silence ends it, and so does whoever reads', async () => {
  const silent = readEvents(answerOf('data: a\n\n', undefined), { idleMs: 20, signal: never })
  expect((await silent.next()).value).toBe('a')
  await expect(silent.next()).rejects.toThrow(StreamSilent)
  const left = new AbortController()
  const open = readEvents(answerOf(undefined), { idleMs: 60_000, signal: left.signal })
  const next = open.next()
  left.abort(new Error('left'))
  await expect(next).rejects.toThrow('left')
})
