import { leastCpuMs } from '@nora/testing/own-time'
import { describe, expect, test } from 'vitest'
import { scrubText } from './scrub.ts'
import { exactScrubber, scrubExact } from './scrub-exact.ts'

const long = 'c4n4ryABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const hex64 = 'c4'.repeat(32)
const pem = `-----BEGIN PRIVATE KEY-----\nMIIEc4n4ry${'A'.repeat(40)}\nc4n4ry==\n-----END PRIVATE KEY-----`
const jwt = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjNG40cnkifQ.c4n4ry_sig-nature`

// What is written here, and what may not be left of it.
const tokens = [
  `nora_invite_${long.slice(0, 40)}c4n4ry`,
  `nora_hub_c4n4ry0000_${long.slice(0, 40)}c4n4ry`,
  `nsk1.3.${long.slice(0, 43)}.${long.slice(0, 43)}`,
  `v1.eyJhdWQiOiJjNG40cnkifQ.${long}${long}`,
  `ticket.c4n4ry${long.slice(0, 37)}`,
  'sk-c4n4ry0123456789',
  `sk-proj-c4n4ry_${long}`,
  `sk-ant-api03-c4n4ry-${long}`,
  'ghp_c4n4ry0123456789c4n4ry0123456789abcd',
  'gho_c4n4ry0123456789c4n4ry0123456789abcd',
  'github_pat_11ABC_c4n4ry0123456789',
  'AKIAC4N4RY0123456789',
  'ASIAC4N4RY0123456789',
  'xoxb-123456789012-c4n4ry',
  'xoxp-123456789012-c4n4ry',
  'xoxa-2-c4n4ry012345',
  jwt,
  'AIzaSyc4n4ry0123456789abcdefghijklmnop',
  pem,
  pem.replaceAll('\n', '\\n'),
  pem.slice(0, 70),
  pem.replaceAll('PRIVATE', 'RSA PRIVATE'),
  pem.replaceAll('PRIVATE', 'OPENSSH PRIVATE'),
  'hf_c4n4ry0123456789abcd',
  'sk_live_c4n4ry0123456789',
  'glpat-c4n4ry0123456789',
  '123456789:AAc4n4ry0123456789abcdefghijklmnop',
]
const surroundings: [string, (token: string) => string][] = [
  ['alone', (t) => t],
  ['in a sentence', (t) => `the key ${t}, was refused.`],
  ['after =', (t) => `x=${t}&y=1`],
  ['after a newline in JSON', (t) => JSON.stringify({ msg: `one\n${t}\ttwo` })],
  ['in JSON in JSON', (t) => JSON.stringify({ a: JSON.stringify({ b: JSON.stringify({ c: `\n${t}` }) }) })],
  ['after a colour', (t) => `\u001b[31m${t}\u001b[0m`],
  ['after a colour, in JSON', (t) => JSON.stringify(`\u001b[1;31m${t}\u001b[0m`)],
  ['after a percent escape', (t) => `a%3D${t}`],
  ['twice', (t) => `${t} ${t}`],
  ['in quotes', (t) => `"${t}" '${t}' \`${t}\``],
  ['after a slash', (t) => `https://host/${t}/x`],
  ['after an underscore', (t) => `KEY_${t}`],
]

describe('tokens of known shape', () => {
  for (const [where, surround] of surroundings) {
    test.each(tokens)(`${where}: %j`, (token) => {
      const clean = scrubText(surround(token))
      expect(clean).toContain('[redacted]')
      expect(clean.toLowerCase()).not.toContain('c4n4ry')
      expect(clean).not.toContain('jNG40cnk') // the canary inside a JWT, in base64
      if (surround(token).startsWith('{')) expect(() => JSON.parse(clean)).not.toThrow()
    })
  }
})

describe('beside a name', () => {
  test.each([
    'password=c4n4ry',
    'password: c4n4ry',
    "password='c4n4ry with words'",
    'DB_PASSWORD=c4n4ry',
    '"password":"c4n4ry, with \\"quotes\\" c4n4ry"',
    '{"password":"c4n4ry\'s c4n4ry"}',
    '{\\"password\\":\\"c4n4ry \\\\\\"x\\\\\\" c4n4ry\\"}',
    '{"password":1234567890123}',
    '{"token":"c4n4ry99\\\\","n":5}',
    '{"a":"{\\"token\\":\\"c4n4ry99\\\\\\\\\\"}","n":5}',
    '{"msg":"password=\\"c4n4ry"}',
    'passphrase => "c4n4ry"',
    'api_key=c4n4ry',
    'apiKey: "c4n4ry"',
    'token=c4n4ry99',
    '?access_token=c4n4ry99&x=1',
    'secret: "c4n4ry99"',
    'Authorization: Bearer c4n4ry',
    'authorization: Basic YzRuNHJ5OmM0bjRyeQ==',
    'Authorization: Custom c4n4ry, more c4n4ry',
    'Bearer c4n4ry.99',
    'Cookie: a=c4n4ry; b=c4n4ry',
    'set-cookie: sid=c4n4ry; Path=/',
    '--token c4n4ry99 --x 1',
    '--api-key=c4n4ry99',
    'mnemonic="c4n4ry word word"',
    `ENCRYPTION_KEY=${hex64}`,
    `private key 0x${hex64}`,
    `"seed": "${hex64}"`,
    `wallet ${hex64}`,
    `ENCRYPTION_KEYS_PREVIOUS=1:${hex64},2:${hex64}`,
    JSON.stringify({ msg: `the key is\n${hex64}` }),
  ])('%s', (text) => {
    const clean = scrubText(text)
    expect(clean).toContain('[redacted]')
    expect(clean).not.toContain('c4n4ry')
    expect(clean).not.toContain('c4c4')
    expect(clean).not.toContain('YzRuNHJ5')
    expect(clean).not.toContain('1234567')
    if (text.startsWith('{"')) expect(() => JSON.parse(clean)).not.toThrow()
  })
})

describe('credentials in URLs', () => {
  test.each([
    ['postgres://user:c4n4ry@host:5432/db?x=1', 'postgres://[redacted]@host:5432/db?x=1'],
    ['postgres://user:c4n@4ry@host/db', 'postgres://[redacted]@host/db'],
    ['postgres://user:c4n/4ry@host/db', 'postgres://[redacted]@host/db'],
    ['redis://:c4n4ry@host', 'redis://[redacted]@host'],
    ['https://c4n4ry@github.com/x', 'https://[redacted]@github.com/x'],
    ['https:\\/\\/me:c4n4ry@host', 'https:\\/\\/[redacted]@host'],
    ['"amqp://u:c4n4ry@h" and "ftp://u:c4n4ry@h"', '"amqp://[redacted]@h" and "ftp://[redacted]@h"'],
  ])('%s', (text, clean) => {
    expect(scrubText(text)).toBe(clean)
  })
})

test('what is no secret stays, to the letter', () => {
  for (const text of [
    '',
    'plain words',
    'https://api.openai.com/v1/chat/completions?x=1#y',
    'http://localhost:4873/@scope/pkg',
    'mail me@example.com',
    `sha256:${hex64}`,
    `container ${hex64} started`,
    `{"keyVersion":1,"containerId":"${hex64}"}`,
    'task-force-one risk-averse desk-bound',
    'the token: not found',
    '{"msg":"enter password: ","next":"x9"}',
    '{"msg":"enter password:"}',
    'password: null, secret: missing',
    'keyVersion=3 secretVersion: 4 tokens: 1234567',
    '"secretVersion":3,"tokenCount":1234567',
    'Basic understanding, bearer authentication',
    '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
    '0198c0de-0000-7000-8000-000000000001',
    'password=[redacted]',
  ]) {
    expect(scrubText(text)).toBe(text)
  }
})

test('scrubbing twice is scrubbing once', () => {
  for (const token of tokens) {
    const once = scrubText(`{"password":"x","note":"${token.replaceAll('\n', '\\n')}"}`)
    expect(scrubText(once)).toBe(once)
  }
})

describe('time is linear in the length, whatever the text', () => {
  // Four times the text may take four times as long; a quadratic pattern takes sixteen, an exponential one for ever.
  const worst = (
    '://|://a:a|token:|password=|-----BEGIN PRIVATE KEY-----|-----BEGIN |eyJaaaaaaaa|eyJaaaaaaaa.|sk-|a|' +
    '0123456789abcdef|\\|\\"|password="|password=\'|Bearer |Bearer aaaaaaaa|123456789:AA|token    |[0;|--key |' +
    'nsk1.1.aaaaaaaa.|%3D|secret:"aaaaaa |api_key:|cookie=|{"password":"a\\'
  ).split('|')
  const time = (text: string) => leastCpuMs(() => scrubText(text))
  test.each(worst)('%j', (piece) => {
    const text = (length: number) => piece.repeat(Math.ceil(length / piece.length))
    time(text(32_768))
    const [short, longer] = [time(text(32_768)), time(text(131_072))]
    expect(longer).toBeLessThan(Math.max(10 * short, 60))
    expect(longer).toBeLessThan(1000)
  })
})

describe('exact secrets', () => {
  const text = 'p@ss/w+rd "c4n4ry" \\ ünï & 100%'
  const secret = Buffer.from(text)
  const lower = (s: string) => s.replace(/%[0-9A-F]{2}/g, (e) => e.toLowerCase())

  test.each([
    ['as it is', text],
    ['in JSON', JSON.stringify({ x: text })],
    ['in JSON in JSON', JSON.stringify({ x: JSON.stringify({ y: text }) })],
    ['in base64', secret.toString('base64')],
    ['in base64url', secret.toString('base64url')],
    ['in hex', secret.toString('hex')],
    ['URL-encoded', encodeURIComponent(text)],
    ['URL-encoded, lower case', lower(encodeURIComponent(text))],
    ['form-encoded', new URLSearchParams({ x: text }).toString()],
    ['in Basic auth', Buffer.from(`user:${text}`).toString('base64')],
    ['in Basic auth, shifted', Buffer.from(`user1:${text}`).toString('base64')],
    ['in Basic auth, shifted again', Buffer.from(`user12:${text}!`).toString('base64')],
    ['in base64url of more', Buffer.from(`>>>?${text}???`).toString('base64url')],
  ])('%s', (_, line) => {
    const clean = scrubExact(`before ${line} after`, [secret])
    expect(clean).toContain('[redacted]')
    expect(clean).toMatch(/^before .* after$/)
    expect(clean).not.toContain('c4n4ry')
    const rest = clean
      .replaceAll('[redacted]', ' ')
      .split(' ')
      .filter((part) => part.length > 12)
    for (const part of rest) expect(Buffer.from(part, 'base64').toString('latin1')).not.toContain('4n4r')
  })

  test('a secret of many lines, printed line by line', () => {
    const scrub = exactScrubber([Buffer.from(pem)])
    for (const line of pem.split('\n').filter((l) => l.length >= 16)) expect(scrub(line)).toBe('[redacted]')
    expect(scrub(JSON.stringify(pem))).toBe('"[redacted]"')
  })

  test('a secret with a newline at its end is found without it', () => {
    expect(scrubExact('got c4n4ry99 here', [Buffer.from('c4n4ry99\n')])).toBe('got [redacted] here')
  })

  test('bytes that are no text', () => {
    const bytes = Buffer.from('ff00fe80c4c4c4c4c4c4', 'hex')
    expect(scrubExact(`a ${bytes.toString('base64')} b`, [bytes])).toBe('a [redacted] b')
    expect(scrubExact('a \ufffd b', [bytes])).toBe('a \ufffd b')
  })

  test('one secret inside another, and none that is too short to be one', () => {
    expect(scrubExact('abcdefgh', [Buffer.from('cdef'), Buffer.from('abcdefgh')])).toBe('[redacted]')
    expect(scrubExact('a plain line', [Buffer.from('a'), Buffer.alloc(0)])).toBe('a plain line')
    expect(scrubExact('a plain line', [])).toBe('a plain line')
  })
})
