import { describe, expect, test } from 'vitest'
import { createLogger, type Logger } from './logger.ts'

// A canary of no known shape: only where it stands can give it away. And one of known shape, for everywhere else.
const hidden = 'canary hunter two'
const shaped = 'sk-canary0123456789abcdef'

function capture(use: (log: Logger) => void): string {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  use(createLogger({ service: 'test', level: 'trace', destination }))
  expect(lines.length).toBeGreaterThan(0)
  for (const line of lines) {
    expect(line.endsWith('\n')).toBe(true)
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), time: expect.any(String) })
    expect(line).not.toContain('dropped')
  }
  return lines.join('')
}

test('a line says who, when, how bad and what', () => {
  const line = JSON.parse(capture((log) => log.child({ agentId: 'a-1' }).warn({ ms: 3 }, 'took %d', 3)))
  expect(line).toMatchObject({ level: 'warn', service: 'test', pid: process.pid, agentId: 'a-1', ms: 3 })
  expect(line.msg).toBe('took 3')
  expect(Date.parse(line.time)).toBeGreaterThan(0)
})

test('a level below the chosen one is silent', () => {
  const lines: string[] = []
  const log = createLogger({ service: 't', level: 'info', destination: { write: (l) => void lines.push(l) } })
  log.debug({ password: hidden }, 'no')
  log.info('yes')
  expect(lines).toHaveLength(1)
})

const named = { password: hidden }
const withCause = () => {
  const inner = Object.assign(new Error('inner'), { config: { headers: { Authorization: hidden } } })
  return new Error('outer', { cause: new Error('middle', { cause: inner }) })
}

describe('a secret under its name, wherever the object goes', () => {
  const positions: Record<string, (log: Logger) => void> = {
    'the object': (log) => log.info(named, 'hello'),
    'inside the object': (log) => log.info({ a: { b: [{ api_key: hidden }] } }, 'hello'),
    'the only argument': (log) => log.info(named),
    'an object as message': (log) => log.info({}, named as unknown as string),
    'a format argument %o': (log) => log.info('hello %o', named),
    'a format argument %O': (log) => log.info('hello %O', named),
    'a format argument %j': (log) => log.info('hello %j', named),
    'a format argument %s': (log) => log.info('hello %s', named),
    'an argument that no format asks for': (log) => log.info('hello', named as never),
    'a format argument after an object': (log) => log.info({ a: 1 }, 'hello %j', named),
    'an error’s field': (log) => log.error(Object.assign(new Error('x'), named)),
    'an error’s field, under err': (log) => log.error({ err: Object.assign(new Error('x'), named) }, 'hello'),
    'an error’s field, under another name': (log) =>
      log.error({ failure: Object.assign(new Error('x'), named) }),
    'an error as format argument': (log) => log.error('hello %o', Object.assign(new Error('x'), named)),
    'the cause of a cause': (log) => log.error(withCause()),
    'the cause of a cause, under err': (log) => log.error({ err: withCause() }, 'hello'),
    'an aggregate error': (log) => log.error(new AggregateError([withCause()], 'many')),
    'a child’s bindings': (log) => log.child(named).info('hello'),
    'a child’s bindings with options': (log) => log.child({ deep: named }, { level: 'info' }).info('hello'),
    'a grandchild’s bindings': (log) => log.child({ a: 1 }).child(named).info('hello'),
    'bindings set later': (log) => {
      log.setBindings(named)
      log.info('hello')
    },
    'bindings set later on a child': (log) => {
      const child = log.child({})
      child.setBindings({ x: named })
      child.info('hello')
    },
    'a serializer’s answer': (log) =>
      log.child({}, { serializers: { req: () => ({ headers: { cookie: hidden } }) } }).info({ req: {} }),
    'a serializer’s answer in bindings': (log) =>
      log.child({ req: {} }, { serializers: { req: () => ({ headers: { cookie: hidden } }) } }).info('hello'),
    'a grandchild’s inherited serializer': (log) =>
      log
        .child({}, { serializers: { req: () => named } })
        .child({ a: 1 })
        .info({ req: {} }),
    'a Map': (log) => log.info({ m: new Map([['apiSecret', hidden]]) }),
    'a Set': (log) => log.info({ s: new Set([named]) }),
    'a Headers object': (log) => log.info({ h: new Headers({ authorization: hidden }) }),
    'a query': (log) => log.info({ q: new URLSearchParams({ access_token: hidden }) }),
    'raw headers': (log) => log.info({ rawHeaders: ['Host', 'x', 'Authorization', hidden] }),
    'a command line': (log) => log.info({ argv: ['serve', '--token', hidden] }),
    'a pair written out': (log) => log.info({ headers: [{ name: 'Cookie', value: hidden }] }),
    'what toJSON gives': (log) => log.info({ x: { toJSON: () => ({ privateKey: hidden }) } }),
    'a class’s field': (log) =>
      log.info({
        x: new (class {
          wallet_private_key = hidden
        })(),
      }),
    'an http request': (log) =>
      log.info(
        { method: 'GET', url: '/', headers: { authorization: hidden }, socket: {} } as object,
        'hello',
      ),
    'bytes, as text or numbers': (log) =>
      log.info({ b: Buffer.from(hidden), u: new Uint8Array(Buffer.from(hidden)) }),
    'bytes that became numbers in JSON': (log) =>
      log.info({ b: JSON.parse(JSON.stringify(Buffer.from(hidden))), l: [...Buffer.from(hidden)] }),
    'bytes in a cause': (log) =>
      log.error(new Error('x', { cause: Object.assign(new Error('y'), { body: Buffer.from(hidden) }) })),
    'bytes as format arguments': (log) =>
      log.info('%s %o %j %O', Buffer.from(hidden), Buffer.from(hidden), new Uint8Array(Buffer.from(hidden)), {
        b: Buffer.from(hidden),
      }),
    'a Map in a Set in a cause': (log) =>
      log.error({ err: new Error('x', { cause: new Set([new Map([['token', hidden]])]) }) }),
    'a symbol as name, and what stands under it': (log) =>
      log.info({ [Symbol(hidden)]: hidden, deep: { [Symbol('password')]: hidden } }),
    'what a getter throws': (log) =>
      log.info({
        get bad() {
          throw Object.assign(new Error(hidden), named)
        },
      }),
    'what toJSON throws': (log) =>
      log.info({
        x: {
          toJSON: () => {
            throw new Error(hidden)
          },
        },
      }),
    'a text that is an object': (log) => log.info({ password: new String(hidden) }),
    'a Map as format argument': (log) =>
      log.info('hello %o %s', new Map([['apiKey', hidden]]), new Set([named])),
    'a frozen object of a null prototype': (log) =>
      log.info(Object.freeze(Object.assign(Object.create(null), { secret: hidden }))),
    'bytes as the only argument': (log) => log.info(Buffer.from(hidden) as never),
    'a getter beside one that throws': (log) =>
      log.child({}, { serializers: { x: (v: unknown) => v } }).info({
        x: 1,
        get bad() {
          throw new Error('no')
        },
        password: hidden,
      } as object),
  }
  for (const [position, use] of Object.entries(positions)) {
    test(position, () => {
      const written = capture(use)
      expect(written).not.toContain(hidden)
      expect(written).not.toContain('hunter')
      expect(written).not.toContain(Buffer.from(hidden).toString('base64').slice(0, 12))
      expect(written).not.toContain(Buffer.from(hidden).subarray(0, 6).join(','))
    })
  }
})

describe('a secret known by its shape, wherever the text goes', () => {
  const positions: Record<string, (log: Logger) => void> = {
    'the message': (log) => log.info(`failed with ${shaped}`),
    'the message after an escape': (log) => log.info(`failed with\n${shaped}\t${shaped}`),
    '%s': (log) => log.info('failed with %s', shaped),
    'a loose argument': (log) => log.info('failed with', shaped as never),
    'a harmless field': (log) => log.info({ note: shaped }),
    'a field’s name': (log) => log.info({ [shaped]: 1 }),
    'a Map’s key': (log) => log.info({ m: new Map([[shaped, 1]]) }),
    'an error’s message and stack': (log) => log.error(new Error(`bad ${shaped}`)),
    'a cause’s message': (log) => log.error(new Error('x', { cause: new Error(shaped) })),
    'a cause that is text': (log) => log.error({ err: new Error('x', { cause: shaped }) }),
    'a child’s bindings': (log) => log.child({ note: shaped }).info('hello'),
    'a message prefix': (log) => log.child({}, { msgPrefix: `${shaped} ` }).info('hello'),
    'JSON in text': (log) => log.info(JSON.stringify({ a: JSON.stringify({ b: shaped }) })),
    'a URL object': (log) => log.info({ u: new URL(`https://me:${shaped}@host/`) }),
    'an error’s name': (log) => log.error(Object.assign(new Error('x'), { name: shaped })),
    'the service’s name': () => undefined,
  }
  for (const [position, use] of Object.entries(positions)) {
    test(position, () => {
      if (position === 'the service’s name') {
        const lines: string[] = []
        const destination = { write: (line: string) => void lines.push(line) }
        createLogger({ service: shaped, level: 'info', destination }).info('hello')
        expect(lines.join()).not.toContain('canary0123')
        return
      }
      expect(capture(use)).not.toContain('canary0123')
    })
  }
})

test('hostile objects do not take the caller down', () => {
  const cycle: Record<string, unknown> = { name: 'cycle' }
  cycle['self'] = cycle
  const throwing = {
    get bad(): string {
      throw new Error('no')
    },
    good: 1,
  }
  const proxy = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no')
      },
    },
  )
  const written = capture((log) => {
    log.info(cycle)
    log.info(throwing)
    log.info({ throwing, proxy, big: 10n, fn: () => 1, symbol: Symbol('s'), when: new Date(Number.NaN) })
    log.info(proxy)
    log.info({ x: { toJSON: () => cycle } })
    log.info(null as never)
    log.info(undefined as never)
    Reflect.apply(log.info, log, [[1, 2], 'a list'])
  })
  expect(written).toContain('[circular]')
  expect(written).toContain('"good":1')
  expect(written).toContain('[unreadable]')
})

test('a quote that never closes hides the rest of its own string and no more', () => {
  const written = capture((log) =>
    log.info({ note: 'password="abc', more: "password='abc" }, 'token="a1b2c3d4'),
  )
  expect(written).not.toContain('abc')
  expect(written).not.toContain('a1b2c3d4')
})
