import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'

const listed = 'https://console.example.test'
const api = testApi(testDatabase(), testRedis(), { config: { corsOrigins: [listed] } })
const preflight = (origin: string) =>
  api.anonymous.request('OPTIONS', '/api/auth/password', {
    headers: {
      origin,
      'access-control-request-method': 'PATCH',
      'access-control-request-headers': 'x-csrf-token',
    },
  })

describe('a page of another origin', () => {
  test('that is listed may call with credentials', async () => {
    const { status, headers } = await preflight(listed)
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe(listed)
    expect(headers.get('access-control-allow-credentials')).toBe('true')
    expect(headers.get('access-control-allow-methods')).toContain('PATCH')
    expect(headers.get('vary')).toMatch(/origin/i)
  })

  test.each([
    'https://evil.test',
    'null',
    `${listed}.evil.test`,
    'https://x.console.example.test',
    'http://console.example.test',
  ])('%s may not', async (origin) => {
    const { headers } = await preflight(origin)
    expect(headers.get('access-control-allow-origin')).toBeNull()
    const answer = await api.anonymous.get('/api/auth/bootstrap-status', { origin })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('that is listed can mutate with a cookie session, its token and a cross-site fetch', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    const headers = { origin: listed, 'sec-fetch-site': 'cross-site' }
    const refused = await user.post('/api/auth/logout', undefined, { ...headers, 'x-csrf-token': 'AAAA' })
    expect(refused.body.code).toBe('csrf-failed')
    expect((await user.post('/api/auth/logout', undefined, headers)).status).toBe(204)
  })
})
