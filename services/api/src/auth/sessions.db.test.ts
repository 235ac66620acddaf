import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { password, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const alive = async (user: { get: (path: string) => Promise<{ status: number }> }) =>
  (await user.get('/api/auth/me')).status === 200

describe('sessions', () => {
  test('are listed with the place they came from, never another person’s', async () => {
    const user = await api.signUp()
    await api.signUp()
    await api.login(user.user!.email, password)
    const { body } = await user.get('/api/auth/sessions')
    expect(body.items).toHaveLength(2)
    expect(body.items.map((item: { current: boolean }) => item.current).sort()).toEqual([false, true])
    expect(body.items[0]).toMatchObject({
      ip: '127.0.0.1',
      transport: 'bearer',
      userAgent: expect.any(String),
    })
    expect(Object.keys(body.items[0]).sort()).toEqual([
      'createdAt',
      'current',
      'id',
      'ip',
      'lastSeenAt',
      'transport',
      'userAgent',
    ])
  })

  test('say when they were seen last, to the minute', async () => {
    const user = await api.signUp()
    const seen = async () => Date.parse((await user.get('/api/auth/sessions')).body.items[0].lastSeenAt)
    const first = await seen()
    expect(await seen()).toBe(first)
    await database.asSuperuser(
      `update nora.sessions set last_seen_at = last_seen_at - interval '61 seconds' where user_id = $1`,
      [user.user!.id],
    )
    expect(await seen()).toBeGreaterThanOrEqual(first)
  })

  test('a revoked one is out at once, and its refresh token with it', async () => {
    const user = await api.signUp()
    const other = await api.login(user.user!.email, password)
    const { id } = (await other.get('/api/auth/me')).body.session
    expect((await user.delete(`/api/auth/sessions/${id}`)).status).toBe(204)
    expect(await alive(other)).toBe(false)
    expect((await other.post('/api/auth/refresh', { refreshToken: other.refreshToken })).status).toBe(401)
    expect(await alive(user)).toBe(true)
    expect((await user.delete(`/api/auth/sessions/${id}`)).status).toBe(404)
  })

  test('somebody else’s is like an absent one', async () => {
    const [user, victim] = [await api.signUp(), await api.signUp()]
    const { id } = (await victim.get('/api/auth/me')).body.session
    const foreign = await user.delete(`/api/auth/sessions/${id}`)
    const absent = await user.delete('/api/auth/sessions/00000000-0000-4000-8000-000000000000')
    expect(foreign.status).toBe(404)
    expect({ ...foreign.body, correlationId: '' }).toEqual({ ...absent.body, correlationId: '' })
    expect(await alive(victim)).toBe(true)
  })

  test('an id that is none is refused', async () => {
    const user = await api.signUp()
    expect((await user.delete('/api/auth/sessions/1')).status).toBe(400)
  })
})

describe('revoking all sessions', () => {
  const several = async (transport: 'bearer' | 'cookie' = 'bearer') => {
    const user = await api.signUp({ transport })
    const others = [
      await api.login(user.user!.email, password),
      await api.login(user.user!.email, password, 'cookie'),
    ]
    return { user, others }
  }
  const auditOf = (id: string) =>
    database.asSuperuser<{ details: unknown }>(
      `select details from nora.audit_log where event_type = 'SESSIONS_REVOKED' and actor_id = $1 order by seq`,
      [id],
    )

  test.each(['bearer', 'cookie'] as const)(
    'ends every one, that of the caller (%s) too',
    async (transport) => {
      const { user, others } = await several(transport)
      const stranger = await api.signUp()
      expect((await user.delete('/api/auth/sessions')).status).toBe(204)
      expect([...user.cookies.keys()]).toEqual([])
      expect(await Promise.all([user, ...others].map(alive))).toEqual([false, false, false])
      for (const { refreshToken } of [user, others[0]!]) {
        if (refreshToken === undefined) continue
        expect((await api.anonymous.post('/api/auth/refresh', { refreshToken })).status).toBe(401)
      }
      expect(await alive(stranger)).toBe(true)
      const again = await api.login(user.user!.email, password)
      expect((await again.get('/api/auth/sessions')).body.items).toHaveLength(1)
      expect(await auditOf(user.user!.id)).toEqual([{ details: { ended: 3, keptCurrent: false } }])
    },
  )

  test('spares the caller’s own when it is asked to', async () => {
    const { user, others } = await several()
    expect((await user.delete('/api/auth/sessions?keepCurrent=true')).status).toBe(204)
    expect(await Promise.all([user, ...others].map(alive))).toEqual([true, false, false])
    expect(await auditOf(user.user!.id)).toEqual([{ details: { ended: 2, keptCurrent: true } }])
  })

  test('takes no other word, and with a cookie needs the page’s own token', async () => {
    const { user } = await several('cookie')
    for (const query of ['keepCurrent=maybe', 'keep=1', 'keepCurrent=true&x=1']) {
      expect((await user.delete(`/api/auth/sessions?${query}`)).status, query).toBe(400)
    }
    const refused = await user.delete('/api/auth/sessions', { 'x-csrf-token': undefined })
    expect(refused.body.code).toBe('csrf-failed')
    expect(await alive(user)).toBe(true)
  })
})

describe('signing out', () => {
  test('ends this session alone and clears the cookies', async () => {
    const user = await api.signUp({ transport: 'cookie' })
    const other = await api.login(user.user!.email, password)
    expect((await user.post('/api/auth/logout')).status).toBe(204)
    expect([...user.cookies.keys()]).toEqual([])
    expect(await alive(other)).toBe(true)
    const [row] = await database.asSuperuser<{ n: number }>(
      `select count(*)::int as n from nora.audit_log where event_type = 'SIGNED_OUT' and actor_id = $1`,
      [user.user!.id],
    )
    expect(row).toEqual({ n: 1 })
  })

  test('works by the refresh token when the access token has run out', async () => {
    const bearer = await api.signUp()
    const other = await api.login(bearer.user!.email, password)
    const answer = await api.anonymous.post('/api/auth/logout', { refreshToken: bearer.refreshToken })
    expect(answer.status).toBe(204)
    expect([await alive(bearer), await alive(other)]).toEqual([false, true])

    const cookie = await api.signUp({ transport: 'cookie' })
    const access = cookie.cookies.get('nora_at')
    cookie.cookies.delete('nora_at')
    const refused = await cookie.post('/api/auth/logout', undefined, { 'x-csrf-token': undefined })
    expect(refused.body.code).toBe('csrf-failed')
    expect((await cookie.post('/api/auth/logout')).status).toBe(204)
    cookie.cookies.set('nora_at', access!)
    expect(await alive(cookie)).toBe(false)
  })

  test('without a session is no error', async () => {
    expect((await api.anonymous.post('/api/auth/logout')).status).toBe(204)
    expect((await api.anonymous.post('/api/auth/logout', { refreshToken: 'nonsense' })).status).toBe(204)
  })
})

describe('changing the password', () => {
  const next = 'an entirely new passphrase'

  test('ends every other session, keeps this one, and the old password is dead', async () => {
    const user = await api.signUp()
    const others = [
      await api.login(user.user!.email, password),
      await api.login(user.user!.email, password, 'cookie'),
    ]
    const answer = await user.patch('/api/auth/password', { currentPassword: password, newPassword: next })
    expect(answer.status).toBe(204)
    expect(await Promise.all(others.map(alive))).toEqual([false, false])
    expect(await alive(user)).toBe(true)
    await expect(api.login(user.user!.email, password)).rejects.toThrow('401')
    expect(await alive(await api.login(user.user!.email, next))).toBe(true)
  })

  test('needs the current one', async () => {
    const user = await api.signUp()
    const other = await api.login(user.user!.email, password)
    const answer = await user.patch('/api/auth/password', { currentPassword: 'a guess', newPassword: next })
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid-credentials'])
    expect(await alive(other)).toBe(true)
  })

  test('two at once: one wins', async () => {
    const user = await api.signUp()
    const answers = await Promise.all(
      ['first new passphrase', 'second new passphrase'].map((newPassword) =>
        user.patch('/api/auth/password', { currentPassword: password, newPassword }),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 401])
  })
})

describe('workspaces', () => {
  test('a person sees their own; another’s is like an absent one', async () => {
    const [user, other] = [await api.signUp(), await api.signUp()]
    const own = (await user.get('/api/workspaces')).body.items
    expect(own).toEqual([
      {
        id: own[0].id,
        name: 'Personal',
        role: 'owner',
        personal: true,
        deleting: false,
        createdAt: expect.any(String),
      },
    ])
    expect((await user.get(`/api/workspaces/${own[0].id}`)).body).toEqual(own[0])
    const foreign = (await other.get('/api/workspaces')).body.items[0].id
    const refused = await user.get(`/api/workspaces/${foreign}`)
    const absent = await user.get('/api/workspaces/00000000-0000-4000-8000-000000000000')
    expect(refused.status).toBe(404)
    expect({ ...refused.body, correlationId: '' }).toEqual({ ...absent.body, correlationId: '' })
  })
})
