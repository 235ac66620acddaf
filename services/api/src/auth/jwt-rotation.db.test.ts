import { randomBytes } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, client } from '../testing/client.ts'
import { oneSuccessor } from '../testing/one-successor.ts'
import { startApi, type TestApi } from '../testing/test-api.ts'

// Three processes of one server, as they stand while JWT_SECRET is exchanged.
const database = testDatabase()
const redis = testRedis()
const [before, after] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')] as const
let old: TestApi
let both: TestApi
let gone: TestApi
beforeAll(async () => {
  const started = [[before], [after, before], [after]].map((jwtSecrets) =>
    startApi(database, redis, { config: { jwtSecrets } }),
  )
  ;[old, both, gone] = (await Promise.all(started)) as [TestApi, TestApi, TestApi]
})
afterAll(() => Promise.all([old, both, gone].map((api) => api.close())))

/** The same person's browser or program, calling another process. */
function movedTo(api: TestApi, who: Client): Client {
  const { accessToken, refreshToken, csrfToken, cookies, user } = who
  const other = client({ url: api.url, origin: api.origin })
  return Object.assign(other, { accessToken, refreshToken, csrfToken, cookies, user })
}
const status = async (who: Client) => (await who.get('/api/auth/me')).status
const sessionOf = async (who: Client) => (await who.get('/api/auth/me')).body.session.id as string
const refreshed = async (who: Client): Promise<Client> => {
  const { refreshToken } = who
  const answer = await who.post(
    '/api/auth/refresh',
    refreshToken === undefined ? undefined : { refreshToken },
  )
  expect(answer.status, answer.text).toBe(200)
  return Object.assign(who, {
    accessToken: answer.body.accessToken,
    refreshToken: answer.body.refreshToken,
    csrfToken: answer.body.csrfToken,
  })
}

describe.each(['bearer', 'cookie'] as const)('exchanging JWT_SECRET signs nobody out (%s)', (transport) => {
  test('what the old secret signed is good while it stands in the list: reading, writing, refreshing', async () => {
    const who = await old.signUp({ transport })
    const session = await sessionOf(who)
    const moved = movedTo(both, who)
    expect(await sessionOf(moved)).toBe(session)
    // With a cookie this shows a CSRF token that the old secret made, too.
    expect((await moved.post('/api/workspaces', { name: 'Team' })).status).toBe(201)
    await refreshed(moved)
    expect(await sessionOf(moved)).toBe(session)
    expect(await status(movedTo(gone, moved))).toBe(200)
  })

  test('when it is taken off before somebody came back, a refresh brings them in again', async () => {
    const who = await old.signUp({ transport })
    const session = await sessionOf(who)
    const late = movedTo(gone, who)
    expect(await status(late)).toBe(401)
    await refreshed(late)
    expect(await sessionOf(late)).toBe(session)
    expect((await late.post('/api/workspaces', { name: 'Team' })).status).toBe(201)
  })
})

test('a refresh whose answer was lost and that is asked of another process gives the same token, and is no theft', async () => {
  const { successor } = await oneSuccessor(database, {
    signIn: () => old.signUp(),
    refreshes: (who) =>
      [old, both, gone, old, both, gone].map(({ anonymous }) =>
        anonymous.post('/api/auth/refresh', { refreshToken: who.refreshToken }),
      ),
    successorOf: ({ body }) => body.refreshToken,
  })
  expect((await gone.anonymous.post('/api/auth/refresh', { refreshToken: successor })).status).toBe(200)
})

test('what the removed secret signs is worth nothing, and what the new one signs nothing to the old process', async () => {
  const [early, late] = [await old.signUp(), await gone.signUp()]
  expect(await status(movedTo(gone, early))).toBe(401)
  expect(await status(movedTo(old, late))).toBe(401)
  expect(await status(movedTo(both, late))).toBe(200)
})
