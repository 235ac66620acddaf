import { describe, expect, test } from 'vitest'
import { redact } from './redact.ts'
import { isSensitiveName } from './sensitive-keys.ts'

describe('names', () => {
  test.each(
    (
      'api_key apiKey API-KEY apiSecret private_key wallet_private_key password Authorization cookie Set-Cookie ' +
      'secret token envelope_key accessToken refresh_token id_token clientSecret JWT_SECRET ENCRYPTION_KEY ' +
      'ENCRYPTION_KEYS_PREVIOUS NORA_SEAL_KEY x-api-key X-Nora-Capability passwordHash new.password seed_phrase ' +
      'mnemonic pwd psk proxy-authorization openaiApiKey OPENAI__API__KEY secretValue tokenValue credentials ' +
      'bearerToken aws_secret_access_key sessionToken plaintext sealed sec ticket nora_rt __Host-nora_rt ' +
      'MISTRAL_KEY recovery_codes passwordProof'
    ).split(' '),
  )('%s is sensitive', (name) => {
    expect(redact({ [name]: 'canary' })).toEqual({ [name]: '[redacted]' })
    expect(redact({ [name]: { deep: ['canary'] } })).toEqual({ [name]: '[redacted]' })
    expect(redact(new Map([[name, 1234]]))).toEqual({ [name]: '[redacted]' })
  })

  test.each(
    'id name agentId status key provider host msg monkey keyVersion workspace passed author'.split(' '),
  )('%s is not', (name) => {
    expect(isSensitiveName(name)).toBe(false)
  })

  test('facts about a secret are shown, secrets that pretend to be are not', () => {
    const id = '0198c0de-0000-7000-8000-000000000001'
    const facts = {
      secretVersion: 3,
      credentialId: id,
      maxTokens: 4096,
      tokenExpiresAt: '2026-11-22T07:00:00.000Z',
    }
    expect(redact(facts)).toEqual(facts)
    expect(redact({ password: null, secret: true })).toEqual({ password: null, secret: true })
    expect(redact({ secretId: 'canary', tokenLimit: 'canary', pin: 1234 })).toEqual({
      secretId: '[redacted]',
      tokenLimit: '[redacted]',
      pin: '[redacted]',
    })
  })
})

test('deeper than 8 is cut off', () => {
  const nest = (levels: number): unknown => (levels === 0 ? 'leaf' : { n: nest(levels - 1) })
  expect(JSON.stringify(redact(nest(8)))).toContain('leaf')
  expect(JSON.stringify(redact(nest(9)))).toContain('[truncated]')
  expect(JSON.stringify(redact(nest(9)))).not.toContain('leaf')
  expect(JSON.stringify(redact(nest(5000)))).not.toContain('leaf')
})

test('an enormous value is cut off', () => {
  const list = Array.from({ length: 100_000 }, (_, i) => i)
  const text = JSON.stringify(redact({ list, map: new Map(list.map((i) => [i, i])), long: 'x'.repeat(1e6) }))
  expect(text.length).toBeLessThan(100_000)
  expect(text).toContain('[truncated]')
})

test('each kind of value', () => {
  const shared = { a: 1 }
  expect(
    redact({
      bytes: Buffer.from('canary'),
      view: new DataView(new ArrayBuffer(3)),
      set: new Set([1]),
      map: new Map<unknown, unknown>([[{ x: 1 }, 2]]),
      date: new Date(0),
      url: new URL('https://user:canary@host/p'),
      big: 1n,
      nan: Number.NaN,
      nothing: null,
      twice: [shared, shared],
    }),
  ).toEqual({
    bytes: '[bytes 6]',
    view: '[bytes 3]',
    set: [1],
    map: { '{"x":1}': 2 },
    date: '1970-01-01T00:00:00.000Z',
    url: 'https://[redacted]@host/p',
    big: '1',
    nan: 'NaN',
    nothing: null,
    twice: [{ a: 1 }, { a: 1 }],
  })
})

test('bytes that were made into numbers are bytes all the same', () => {
  const bytes = Buffer.from('a canary of bytes')
  expect(redact({ json: JSON.parse(JSON.stringify(bytes)), short: bytes.subarray(0, 3).toJSON() })).toEqual({
    json: '[bytes 17]',
    short: '[bytes 3]',
  })
  expect(redact({ list: [...bytes] })).toEqual({ list: '[bytes 17]' })
  expect(redact({ few: [1, 2, 3], large: Array.from({ length: 20 }, () => 256) })).toEqual({
    few: [1, 2, 3],
    large: Array.from({ length: 20 }, () => 256),
  })
})

test('an error keeps what helps and loses what does not', () => {
  const cause = Object.assign(new TypeError('inner'), { token: 'canary', code: 'E1' })
  const error = new Error('outer password=canary', { cause })
  const copied = redact(error) as Record<string, never>
  expect(copied).toMatchObject({ type: 'Error', message: 'outer password=[redacted]' })
  expect(copied['stack']).toContain('redact.test.ts')
  expect(copied['cause']).toMatchObject({
    type: 'TypeError',
    message: 'inner',
    token: '[redacted]',
    code: 'E1',
  })
  expect(JSON.stringify(copied)).not.toContain('canary')
})

test('a cycle of causes ends', () => {
  const a = new Error('a')
  a.cause = new Error('b', { cause: a })
  expect(redact(a)).toMatchObject({ cause: { cause: '[circular]' } })
})

test('the argument is left as it was, and a prototype cannot be planted', () => {
  const input = { password: 'canary', list: [{ token: 'canary' }] }
  redact(input)
  expect(input).toEqual({ password: 'canary', list: [{ token: 'canary' }] })
  const planted = redact(JSON.parse('{"__proto__":{"admin":true}}')) as { admin?: boolean }
  expect(planted.admin).toBeUndefined()
})
