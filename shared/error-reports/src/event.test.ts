import { hostname } from 'node:os'
import { createLogger, type Logger } from '@nora/log/logger'
import { describe, expect, test } from 'vitest'
import { eventOf } from './event.ts'

const shaped = 'sk-canary0123456789abcdef'

function eventsOf(use: (log: Logger) => void) {
  const lines: string[] = []
  const log = createLogger({
    service: 'api',
    level: 'trace',
    destination: { write: () => undefined },
    onError: (line) => void lines.push(line),
  })
  use(log)
  return lines.map((line) => eventOf(line, 'production'))
}

test('an error is told with its causes and their places, and with our ids', () => {
  const error = new TypeError('outer', { cause: new Error('inner') })
  const [event] = eventsOf((log) =>
    log
      .child({ correlationId: 'c-1' })
      .error({ err: error, code: 'internal', agentId: 'a-1' }, 'request failed'),
  )
  const told = JSON.parse(event!.text)
  expect(event!.id).toMatch(/^[0-9a-f]{32}$/)
  expect(told).toMatchObject({
    event_id: event!.id,
    level: 'error',
    environment: 'production',
    logger: 'api',
    logentry: { formatted: 'request failed' },
    tags: { service: 'api', correlationId: 'c-1', code: 'internal', agentId: 'a-1' },
  })
  expect(told.exception.values.map((one: { type: string; value: string }) => [one.type, one.value])).toEqual([
    ['Error', 'inner'],
    ['TypeError', 'outer'],
  ])
  const frame = told.exception.values[1].stacktrace.frames.at(-1)
  expect(frame.filename).toBe('shared/error-reports/src/event.test.ts')
  expect(frame.lineno).toBeGreaterThan(0)
})

test('only error and fatal are told, and of a line only what is on the list', () => {
  const events = eventsOf((log) => {
    log.warn({ err: new Error('x') }, 'no')
    log.info('no')
    log.fatal(
      { ip: '192.0.2.9', email: 'ada@nora.test', req: { url: '/x?y=z' }, user: { id: 'u' }, body: 'b' },
      'the end',
    )
  })
  expect(events).toHaveLength(1)
  const told = JSON.parse(events[0]!.text)
  expect(Object.keys(told).sort()).toEqual(
    ['environment', 'event_id', 'level', 'logentry', 'logger', 'platform', 'tags', 'timestamp'].sort(),
  )
  expect(events[0]!.text).not.toMatch(/192\.0\.2\.9|ada@|\/x\?y/)
  // Any number may stand in what is drawn by chance, or in the time.
  const text = JSON.stringify({ ...told, event_id: '', timestamp: '' })
  for (const own of [hostname(), String(process.pid), process.cwd(), process.env['HOME'] ?? process.cwd()]) {
    if (own.length > 3) expect(text).not.toContain(own)
  }
})

describe('a line that held a secret is not told at all:', () => {
  const cases: Record<string, (log: Logger) => void> = {
    'under a name': (log) => log.error({ password: 'hunter two' }, 'x'),
    'deep under a name': (log) =>
      log.error({ err: Object.assign(new Error('x'), { config: { apiKey: 'hunter two' } }) }),
    'in a message': (log) => log.error(`failed with ${shaped}`),
    'in an error': (log) => log.error({ err: new Error(shaped) }, 'x'),
    'in a cause of a cause': (log) =>
      log.error({ err: new Error('a', { cause: new Error('b', { cause: new Error(shaped) }) }) }, 'x'),
    'in a bearer header': (log) => log.error('Authorization: Bearer abcdefgh12345678'),
    'in a URL': (log) =>
      log.error({ err: new Error('postgres://nora_app:hunter2@127.0.0.1/nora refused') }, 'x'),
    'in a child': (log) => log.child({ token: 'hunter two' }).error('x'),
    'in a format argument': (log) => log.error('x %s %o', shaped, { cookie: 'hunter two' }),
  }
  test.each(Object.keys(cases))('%s', (name) => {
    expect(eventsOf(cases[name]!)).toEqual([undefined])
  })
  test('nor one whose secret shows only when its parts stand together', () => {
    const line = JSON.stringify({ level: 'error', service: 'x', msg: 'a', code: 'AKIAIOSFODNN7EXAMPLE' })
    expect(eventOf(line, 'production')).toBeUndefined()
  })
  test('nor one that is no line', () => {
    expect(eventOf('{', 'production')).toBeUndefined()
  })
})

test('an event is bounded, whatever the error', () => {
  const deep = Array.from({ length: 100 }).reduce<Error>(
    (cause) => new Error('y'.repeat(10_000), { cause }),
    new Error('z'),
  )
  const [event] = eventsOf((log) => log.error({ err: deep }, 'x'.repeat(100_000)))
  expect(event!.text.length).toBeLessThan(60_000)
})
