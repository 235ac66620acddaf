import { expect, test } from 'vitest'
import { type Entry, type Event, type Operation, timelineOf } from './timeline.ts'
import { timelineWords, tookWords } from './timeline-words.ts'

const at = (second: number) => new Date(Date.UTC(2026, 0, 2, 3, 4, second)).toISOString()
const operation = (id: string, second: number): Operation => ({
  id,
  kind: 'start',
  status: 'succeeded',
  createdAt: at(second),
})
const event = (seq: number, second: number, data: Record<string, unknown> = {}, type = 'x'): Event => ({
  seq,
  ts: at(second),
  type,
  data,
})
const names = (entries: Entry<Operation>[]) =>
  entries.map((entry) =>
    entry.kind === 'event'
      ? entry.event.seq
      : `${entry.operation.id}[${entry.events.map(({ seq }) => seq).join()}]`,
  )

test('events stand in the operation they belong to, the others by themselves, newest first', () => {
  const operations = [operation('b', 20), operation('a', 5)]
  const events = [
    event(1, 1),
    event(2, 5, { operationId: 'a' }),
    event(3, 9, { operationId: 'a' }),
    event(4, 12),
    event(5, 21, { operationId: 'b' }),
    event(6, 22, { operationId: 'gone' }),
  ]
  const entries = timelineOf(
    { items: operations, hasMore: false },
    { items: events.reverse(), hasMore: false },
  )
  expect(names(entries)).toEqual([6, 'b[5]', 4, 'a[2,3]', 1])
})

test('what may have something unloaded before it waits', () => {
  const operations = [operation('b', 20), operation('a', 5)]
  const events = [event(4, 12), event(6, 22)]
  const shown = (more: boolean, moreEvents: boolean) =>
    names(timelineOf({ items: operations, hasMore: more }, { items: events, hasMore: moreEvents }))
  expect(shown(false, false)).toEqual([6, 'b[]', 4, 'a[]'])
  expect(shown(false, true)).toEqual([6, 'b[]', 4])
  expect(shown(true, true)).toEqual([6, 'b[]', 4])
  expect(shown(true, false)).toEqual([6, 'b[]', 4, 'a[]'])
})

test('at one moment the order of numbers holds', () => {
  const entries = timelineOf(
    { items: [], hasMore: false },
    { items: [event(1, 1), event(2, 1)], hasMore: false },
  )
  expect(names(entries)).toEqual([2, 1])
})

const say = (type: string, data: Record<string, unknown>) =>
  timelineWords(event(1, 1, data, type), (id) => `key ${id}`)

test('events in words', () => {
  expect(say('agent.updated', { fields: ['env', 'memory_mb'] })).toBe('Changed: environment, memory.')
  expect(say('step.started', { step: 'await-healthy' })).toBe('Waited for the health check.')
  expect(say('step.started', { step: 'new-step' })).toBe('new-step.')
  expect(say('drift.seen', { reason: 'its container has stopped' })).toBe(
    'Nora saw that it was not as it should be: its container has stopped.',
  )
  expect(say('keys.attached', { providerKeyIds: ['a', 'b'] })).toBe('Given: “key a”, “key b”.')
  expect(say('keys.synced', { keys: [1], refused: ['c'] })).toBe(
    '1 key delivered. Not delivered, since its owner does not allow it: “key c”.',
  )
  expect(say('program.exited', { reason: 'exit code 1', failures: 3 })).toBe(
    'The program ended: exit code 1 (3 times in a row).',
  )
  expect(say('operation.finished', { kind: 'restart', status: 'failed', reason: 'no image' })).toBe(
    'Restarting failed: no image',
  )
  expect(say('some.new_event', {})).toBe('some new event.')
  expect(say('state.changed', { state: 'error', reason: 'a\u202eb' })).toBe('Became error: a\ufffdb')
})

test('how long it took', () => {
  expect(tookWords(at(0), at(2))).toBe('2.0 s')
  expect(tookWords(at(0), at(45))).toBe('45 s')
  expect(tookWords(at(0), at(72))).toBe('1 min 12 s')
  expect(tookWords('2026-01-01T00:00:00Z', '2026-01-01T02:05:00Z')).toBe('2 h 5 min')
})
