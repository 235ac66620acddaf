import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { oneSuccessor } from '../testing/one-successor.ts'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

const refresh = (refreshToken: string | undefined) =>
  api.anonymous.post('/api/auth/refresh', { refreshToken })
const sessionOf = async (user: Client) =>
  (await user.get('/api/auth/me')).body?.session?.id as string | undefined
/** As if the token had been used that long ago. */
const age = (sessionId: string | undefined) =>
  database.asSuperuser(
    `update nora.refresh_tokens set used_at = used_at - interval '11 seconds' where session_id = $1`,
    [sessionId],
  )

describe('refreshing', () => {
  test('gives new tokens for the same session', async () => {
    const user = await api.signUp()
    const session = await sessionOf(user)
    const answer = await refresh(user.refreshToken)
    expect(answer.status).toBe(200)
    expect(answer.body.user).toEqual(user.user)
    expect(answer.body.refreshToken).not.toBe(user.refreshToken)
    user.accessToken = answer.body.accessToken
    expect(await sessionOf(user)).toBe(session)
  })

  test('fifty at once all get the same successor, and the session lives on', async () => {
    const { successor } = await oneSuccessor(database, {
      signIn: () => api.signUp(),
      refreshes: (user) => Array.from({ length: 50 }, () => refresh(user.refreshToken)),
      successorOf: ({ body }) => body.refreshToken,
    })
    expect((await refresh(successor)).status).toBe(200)
  })

  test('a used token after the grace is theft: the whole family dies', async () => {
    const user = await api.signUp()
    const next = (await refresh(user.refreshToken)).body
    await age(await sessionOf(user))
    expect((await refresh(user.refreshToken)).body.code).toBe('unauthenticated')
    expect((await refresh(next.refreshToken)).status).toBe(401)
    expect((await user.get('/api/auth/me')).status).toBe(401)
    const rows = await database.asSuperuser(
      `select 1 from nora.audit_log where event_type = 'REFRESH_TOKEN_REUSED' and actor_id = $1`,
      [user.user!.id],
    )
    expect(rows).toHaveLength(1)
    expect(api.logged.join('\n')).toContain('refresh-token-reused')
    const again = await api.login(user.user!.email, password)
    const { body } = await again.get('/api/audit?type=REFRESH_TOKEN_REUSED')
    expect(body.items).toMatchObject([{ userId: user.user!.id, target: { kind: 'session' } }])
  })

  test('stays within a day of rest and within seven days of the sign-in', async () => {
    const user = await api.signUp()
    const session = await sessionOf(user)
    const ends = async () => {
      const [row] = await database.asSuperuser<{ idle: number; absolute: number }>(
        `select extract(epoch from idle_expires_at - now())::float as idle, extract(epoch from expires_at - now())::float as absolute
         from nora.sessions where id = $1`,
        [session],
      )
      return row!
    }
    const hour = 3600
    expect((await ends()).idle).toBeCloseTo(24 * hour, -2)
    expect((await ends()).absolute).toBeCloseTo(7 * 24 * hour, -2)
    const moved = `update nora.sessions set idle_expires_at = now() + interval '1 hour', expires_at = now() + interval '2 hours' where id = $1`
    await database.asSuperuser(moved, [session])
    const next = await refresh(user.refreshToken)
    expect(next.status).toBe(200)
    // A refresh puts the end of the rest off, never the end of the week.
    expect((await ends()).idle).toBeCloseTo(2 * hour, -2)
    expect((await ends()).absolute).toBeCloseTo(2 * hour, -2)
    await database.asSuperuser(
      `update nora.sessions set expires_at = now() - interval '1 second' where id = $1`,
      [session],
    )
    expect((await refresh(next.body.refreshToken)).status).toBe(401)
    expect((await user.get('/api/auth/me')).status).toBe(401)
  })

  test('an older ancestor within the grace of its child is theft too', async () => {
    const user = await api.signUp()
    const session = await sessionOf(user)
    const next = (await refresh(user.refreshToken)).body
    await age(session)
    await refresh(next.refreshToken)
    expect((await refresh(user.refreshToken)).status).toBe(401)
    expect((await user.get('/api/auth/me')).status).toBe(401)
  })

  test.each(['', 'x', 'a.b', `${'A'.repeat(43)}.${'A'.repeat(43)}`, 'A'.repeat(190)])(
    'refuses %j',
    async (text) => {
      expect([400, 401]).toContain((await refresh(text)).status)
    },
  )

  test('a token with another session’s secret refreshes nothing and harms nobody', async () => {
    const [one, two] = [await api.signUp(), await api.signUp()]
    const mixed = `${one.refreshToken!.split('.')[0]}.${two.refreshToken!.split('.')[1]}`
    expect((await refresh(mixed)).status).toBe(401)
    expect((await refresh(one.refreshToken)).status).toBe(200)
    expect((await refresh(two.refreshToken)).status).toBe(200)
  })

  test('an expired or disabled account’s session does not refresh', async () => {
    const [idle, disabled] = [await api.signUp(), await api.signUp()]
    await database.asSuperuser(
      `update nora.sessions set idle_expires_at = now() - interval '1 second' where user_id = $1`,
      [idle.user!.id],
    )
    await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [disabled.user!.id])
    for (const user of [idle, disabled]) {
      expect((await refresh(user.refreshToken)).status).toBe(401)
      expect((await user.get('/api/auth/me')).status).toBe(401)
    }
  })

  test('nothing that was handed out is stored in clear', async () => {
    const user = await api.signUp()
    const rows = await database.asSuperuser<{ row: string }>(
      `select s::text as row from nora.sessions s union all select r::text from nora.refresh_tokens r`,
    )
    const stored = rows.map(({ row }) => row).join('\n')
    for (const part of user.refreshToken!.split('.')) {
      expect(stored).not.toContain(part)
      expect(stored).not.toContain(Buffer.from(part, 'base64url').toString('hex'))
    }
  })
})

describe('refreshing with the cookie', () => {
  test('needs our Origin, not the CSRF token, and gives the token anew', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    const before = user.cookies.get('nora_rt')
    const answer = await user.post('/api/auth/refresh', undefined, { 'x-csrf-token': undefined })
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({ user: user.user, csrfToken: user.csrfToken })
    expect(user.cookies.get('nora_rt')).not.toBe(before)
    for (const origin of [undefined, 'https://evil.test', 'null']) {
      expect((await user.post('/api/auth/refresh', undefined, { origin })).body.code).toBe('csrf-failed')
    }
  })

  test('works when the access cookie has run out', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    user.cookies.delete('nora_at')
    expect((await user.get('/api/auth/me')).status).toBe(401)
    expect((await user.post('/api/auth/refresh')).status).toBe(200)
    expect((await user.get('/api/auth/me')).status).toBe(200)
  })

  test('a refused one makes the browser forget both', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    user.cookies.set('nora_rt', `${'A'.repeat(43)}.${'A'.repeat(43)}`)
    expect((await user.post('/api/auth/refresh')).status).toBe(401)
    expect([...user.cookies.keys()]).toEqual([])
  })

  test('a token in body and cookie at once is refused, and a cookie’s token in the body is not taken', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    const refreshToken = user.cookies.get('nora_rt')
    expect((await user.post('/api/auth/refresh', { refreshToken })).body.code).toBe('conflicting-credentials')
    expect((await refresh(refreshToken)).status).toBe(401)
  })
})
