import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const api = testApi(testDatabase(), testRedis(), {
  config: { providerAllowHosts: [{ kind: 'host', host: '127.0.0.1', port: 9999 }] },
})
let ada: Client
beforeAll(async () => {
  ada = await api.signUp()
})

const cases: [string, object, number, string][] = [
  ['a provider nobody knows', { provider: 'nobody' }, 422, 'provider-unknown'],
  [
    'a field the provider does not have',
    { secret: { apiKey: 'x', sk_secret_in_a_name: 'y' } },
    400,
    'bad-request',
  ],
  ['no api key', { secret: { model: 'm' } }, 400, 'bad-request'],
  ['nothing but white space', { secret: { apiKey: ' \n' } }, 400, 'bad-request'],
  ['an empty secret', { secret: {} }, 400, 'bad-request'],
  ['an unknown field of the body', { sneaky: true }, 400, 'bad-request'],
  ['a label of two lines', { label: 'a\nb' }, 400, 'bad-request'],
  ['plain http', { baseUrl: 'http://api.example.com/v1' }, 422, 'destination-not-allowed'],
  ['the metadata address', { baseUrl: 'https://169.254.169.254/' }, 422, 'destination-not-allowed'],
  ['loopback in hex', { baseUrl: 'https://0x7f.1/' }, 422, 'destination-not-allowed'],
  ['loopback in IPv6 clothes', { baseUrl: 'https://[::ffff:127.0.0.1]/' }, 422, 'destination-not-allowed'],
  ['localhost', { baseUrl: 'https://localhost/v1' }, 422, 'destination-not-allowed'],
  ['a name without a dot', { baseUrl: 'https://postgres/v1' }, 422, 'destination-not-allowed'],
  [
    'an allowed host on another port',
    { baseUrl: 'http://127.0.0.1:9998/v1' },
    422,
    'destination-not-allowed',
  ],
  ['a password in the URL', { baseUrl: 'https://u:p@api.example.com/' }, 400, 'bad-request'],
  ['a key in the query', { baseUrl: 'https://api.example.com/?key=1' }, 400, 'bad-request'],
  ['no URL at all', { baseUrl: 'javascript:alert(1)' }, 400, 'bad-request'],
  [
    'too much',
    { provider: 'custom', secret: Object.fromEntries([...'abcdefgh'].map((c) => [c, c.repeat(16_000)])) },
    400,
    'bad-request',
  ],
]
test.each(cases)('%s', async (_, more, status, code) => {
  const answer = await ada.post('/api/llm-providers', {
    provider: 'openai',
    label: 'x',
    secret: { apiKey: 'do-not-repeat-me' },
    ...more,
  })
  expect(answer.status, answer.text).toBe(status)
  expect(answer.body.code).toBe(code)
  expect(answer.text).not.toMatch(/do-not-repeat-me|sk_secret_in_a_name|u:p@/)
})

test('a secret larger than any key', async () => {
  const secret = { a: 'x'.repeat(8_000), b: 'x'.repeat(8_000) }
  const answer = await ada.post('/api/llm-providers', { provider: 'custom', label: 'large', secret })
  expect([answer.status, answer.body.errors]).toEqual([
    400,
    [{ path: 'body/secret', message: 'is longer than 16000 bytes' }],
  ])
})
