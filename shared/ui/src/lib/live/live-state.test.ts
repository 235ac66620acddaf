import { expect, test } from 'vitest'
import { beginning, delayAfter, type Effect, type Happening, nextLive, readFrame } from './live-state.ts'

const hello = (resumed: boolean, cursor = 'c1'): Happening => ({
  type: 'frame',
  frame: { type: 'hello', cursor, resumed },
})
const changed = (topics: string[], cursor = 'c2'): Happening => ({
  type: 'frame',
  frame: { type: 'changed', cursor, topics },
})
const closed = (code: number): Happening => ({ type: 'closed', code })

/** What is done after each of these, and how it stands at the end. */
function run(...happenings: Happening[]) {
  let state = beginning
  const effects: Effect[][] = []
  for (const happening of happenings) {
    const next = nextLive(state, happening, 1)
    state = next.state
    effects.push(next.effects)
  }
  return { state, effects, last: effects.at(-1) }
}

test('frames are read as what they are, and everything else is passed over', () => {
  expect(readFrame('{"type":"hello","cursor":"c","resumed":true}')).toEqual({
    type: 'hello',
    cursor: 'c',
    resumed: true,
  })
  expect(readFrame('{"type":"hello"}')).toEqual({ type: 'hello', cursor: undefined, resumed: false })
  expect(readFrame('{"type":"changed","topics":["agents",3,null]}')).toEqual({
    type: 'changed',
    cursor: undefined,
    topics: ['agents'],
  })
  for (const text of ['', 'x', 'null', '3', '[]', '{}', '{"type":"changed"}', '{"type":"news"}', new Blob()])
    expect(readFrame(text)).toBeUndefined()
})

test('the first greeting looks at what may have changed while it was waited for', () => {
  expect(run(hello(false))).toMatchObject({ state: { phase: 'open' }, last: [{ do: 'missed', what: 'own' }] })
})

test('after a lost connection it goes on from where it was, and misses nothing', () => {
  const { effects, state } = run(
    hello(false),
    changed(['agents']),
    closed(1006),
    { type: 'due' },
    hello(true, 'c3'),
  )
  expect(effects.slice(1)).toEqual([
    [{ do: 'changed', topics: ['agents'] }],
    [{ do: 'wait', ms: 500 }],
    [{ do: 'drop' }, { do: 'connect', after: 'c2' }],
    [{ do: 'ask-me' }],
  ])
  expect(state).toEqual({ phase: 'open', failures: 0, cursor: 'c3', greeted: true })
})

test('where the server cannot say what was missed, everything is looked at once', () => {
  expect(run(hello(false), closed(1006), { type: 'due' }, hello(false)).last).toEqual([
    { do: 'ask-me' },
    { do: 'missed', what: 'all' },
  ])
})

test('it waits longer each time, up to half a minute, and by chance', () => {
  expect([0, 1, 2, 5, 6, 7, 1000].map((failures) => delayAfter(failures, 1))).toEqual([
    500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000,
  ])
  expect(delayAfter(2, 0)).toBe(1_000)
  expect(run(closed(1006), { type: 'due' }, closed(1006), { type: 'due' }, closed(1006)).last).toEqual([
    { do: 'wait', ms: 2_000 },
  ])
})

test.each([
  [4401, [{ do: 'wait', ms: 500 }]],
  [4403, [{ do: 'ask-me' }, { do: 'wait', ms: 500 }]],
  [4404, [{ do: 'ask-me' }, { do: 'wait', ms: 500 }]],
  [4409, [{ do: 'wait', ms: 15_000 }]],
  [4429, [{ do: 'wait', ms: 15_000 }]],
  [1013, [{ do: 'wait', ms: 500 }]],
])('a close with %i is followed by what it asks for', (code, effects) => {
  expect(run(hello(false), closed(code)).last).toEqual(effects)
})

test('without a ticket it asks who this is, or waits as long as the api says', () => {
  const refused = (status: number, retryAfterMs?: number) =>
    run({ type: 'no-ticket', status, ...(retryAfterMs !== undefined && { retryAfterMs }) }).last
  for (const status of [401, 403, 404])
    expect(refused(status)).toEqual([{ do: 'ask-me' }, { do: 'wait', ms: 15_000 }])
  expect(refused(429, 7_000)).toEqual([{ do: 'wait', ms: 7_000 }])
  for (const status of [0, 500, 503]) expect(refused(status)).toEqual([{ do: 'wait', ms: 500 }])
})

test('nothing is kept open for a page that nobody looks at, and it catches up when somebody does', () => {
  const { effects } = run(
    hello(false),
    { type: 'hidden' },
    closed(1005),
    { type: 'due' },
    { type: 'online' },
    {
      type: 'shown',
    },
  )
  expect(effects.slice(1)).toEqual([
    [{ do: 'drop' }],
    [],
    [],
    [],
    [{ do: 'drop' }, { do: 'connect', after: 'c1' }],
  ])
  expect(run(hello(false), { type: 'shown' }).last).toEqual([])
})

test('when the network is back it does not wait any longer', () => {
  expect(run(hello(false), closed(1006), { type: 'online' })).toMatchObject({
    state: { phase: 'connecting' },
    last: [{ do: 'drop' }, { do: 'connect', after: 'c1' }],
  })
})
