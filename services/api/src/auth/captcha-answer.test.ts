import { describe, expect, test } from 'vitest'
import { type CaptchaExpectation, faultOfAnswer, tokenLifeMs } from './captcha-answer.ts'

const now = Date.parse('2026-11-25T12:00:00Z')
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString()
const expected = (provider: CaptchaExpectation['provider']): CaptchaExpectation => ({
  provider,
  minScore: 0.5,
  hostnames: new Set(['nora.example.test']),
  now,
})
const good = { success: true, hostname: 'nora.example.test', challenge_ts: ago(20) }
const answers = {
  turnstile: { ...good, action: 'signup' },
  recaptcha: good,
  'recaptcha-v3': { ...good, action: 'signup', score: 0.9 },
}

describe.each(['turnstile', 'recaptcha', 'recaptcha-v3'] as const)('%s', (provider) => {
  const fault = (change: Record<string, unknown> = {}) =>
    faultOfAnswer({ ...answers[provider], ...change }, expected(provider))

  test('a good answer has no fault', () => {
    expect(fault()).toBeUndefined()
    expect(fault({ hostname: 'NORA.example.test' })).toBeUndefined()
    expect(fault({ challenge_ts: '2026-11-25T11:59:30.5+00:00' })).toBeUndefined()
  })

  test.each([
    ['refused', { success: false, 'error-codes': ['timeout-or-duplicate'] }],
    ['true as text', { success: 'true' }],
    ['1 for true', { success: 1 }],
    ['another hostname', { hostname: 'evil.test' }],
    ['a hostname that ends like ours', { hostname: 'x.nora.example.test' }],
    ['a hostname that begins like ours', { hostname: 'nora.example.test.evil.test' }],
    ['no hostname', { hostname: undefined }],
    ['hostnames as a list', { hostname: ['nora.example.test'] }],
    ['another action', { action: 'login' }],
    ['no action in an answer that has one', { action: '' }],
    ['null for an action', { action: null }],
    ['no time', { challenge_ts: undefined }],
    ['a time that is none', { challenge_ts: 'soon' }],
    ['a time without a zone', { challenge_ts: '2026-11-25T11:59:30' }],
    ['a time as a number', { challenge_ts: now }],
    ['yesterday', { challenge_ts: ago(86_400) }],
    ['tomorrow', { challenge_ts: ago(-86_400) }],
  ])('is refused with %s', (_, change) => {
    expect(fault(change)).toEqual(expect.any(String))
  })

  test('is as old as its token may be, and no older', () => {
    const most = provider === 'turnstile' ? 300 : 120
    expect(fault({ challenge_ts: ago(most) })).toBeUndefined()
    expect(fault({ challenge_ts: ago(most + 31) })).toBe('too old')
    expect(fault({ challenge_ts: ago(-29) })).toBeUndefined()
    expect(fault({ challenge_ts: ago(-31) })).toBe('a time to come')
    // Whatever passes the bounds above is remembered for longer than it can pass.
    expect(tokenLifeMs(provider)).toBeGreaterThanOrEqual((most + 30 + 30) * 1000)
  })

  test.each([null, undefined, true, 'yes', 1, [], [answers[provider]]])('is not %j', (answer) => {
    expect(faultOfAnswer(answer, expected(provider))).toEqual(expect.any(String))
  })
})

test('turnstile and version 3 must name the action, version 3 must give a score', () => {
  const { action: _, ...nameless } = answers.turnstile
  expect(faultOfAnswer(nameless, expected('turnstile'))).toBe('another action')
  expect(faultOfAnswer({ ...nameless, score: 1 }, expected('recaptcha-v3'))).toBe('another action')
  for (const score of [undefined, null, 0.49, 0, -1, 1.1, 'high', '0.9', Number.NaN]) {
    expect(
      faultOfAnswer({ ...answers['recaptcha-v3'], score }, expected('recaptcha-v3')),
      String(score),
    ).toBe('too low a score')
  }
  expect(faultOfAnswer({ ...answers['recaptcha-v3'], score: 0.5 }, expected('recaptcha-v3'))).toBeUndefined()
})
