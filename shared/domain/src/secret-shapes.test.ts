import { leastCpuMs } from '@nora/testing/own-time'
import { expect, test } from 'vitest'
import { looksLikeSecret } from './secret-shapes.ts'

const jwt = `eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`

test.each([
  ['A', `sk-${'x'.repeat(24)}`],
  ['A', `sk-ant-api03-${'x'.repeat(24)}`],
  ['A', `prefix ghp_${'a'.repeat(36)} suffix`],
  ['A', `github_pat_${'a'.repeat(30)}`],
  ['A', 'AKIAIOSFODNN7EXAMPLE'],
  ['A', `AIza${'b'.repeat(35)}`],
  ['A', 'xoxb-1234567890-abcdef'],
  ['A', `gsk_${'c'.repeat(40)}`],
  ['A', `nvapi-${'d'.repeat(40)}`],
  ['A', jwt],
  ['A', '-----BEGIN EC PRIVATE KEY-----\nabc'],
  ['A', 'postgres://user:hunter2@db.example.com/app'],
  ['A', `123456789:AA${'e'.repeat(33)}`],
  ['A', `nora_hub_abcdefghij_${'f'.repeat(46)}`],
  ['OPENAI_API_KEY', 'anything-long'],
  ['apiKey', 'anything-long'],
  ['client-secret', 'anything-long'],
  ['DB_PASSWORD', 'anything-long'],
])('%s=%s is refused', (name, value) => {
  expect(looksLikeSecret(name, value)).toBeTypeOf('string')
})

test.each([
  ['LOG_LEVEL', 'debug'],
  ['MAX_TOKENS', '4096000000'],
  ['TOKEN', '12345678'],
  ['API_KEY_FILE', '/run/nora/key-1'],
  ['PASSWORD', '/run/nora/password'],
  ['SECRET', 'short'],
  ['USE_TOKEN', 'disabled'.slice(0, 5)],
  ['BASE_URL', 'https://api.example.com:8443/v1?x=a@b'],
  ['GREETING', 'ask-me-anything-you-like-to-know'],
  ['MONKEY', 'a-long-but-harmless-value'],
])('%s=%s is not', (name, value) => {
  expect(looksLikeSecret(name, value)).toBeUndefined()
})

test('a long value takes no long time', () => {
  for (const text of ['a', '-', ':', '/', 'sk-', 'eyJ', 'http://', '-----BEGIN ']) {
    const long = text.repeat(8192 / text.length)
    expect(
      leastCpuMs(() => looksLikeSecret('A', long)),
      text,
    ).toBeLessThan(100)
  }
})
