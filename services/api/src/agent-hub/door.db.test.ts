import { randomBytes, randomUUID } from 'node:crypto'
import { apiKeyScopes } from '@nora/contract/api-keys'
import { newHubKey, newPublicId } from '@nora/crypto/hub-keys'
import { connect } from '@nora/db/connect'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import { everyScope, makeKey, program } from '../testing/program.ts'
import { stepUp, type Team, team } from '../testing/team.ts'
import { startApi, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)
let here: Team

beforeAll(async () => {
  here = await team(api)
})

const ask = async (key: string, headers: Record<string, string> = {}) => {
  const { status, body } = await program(api, key).get('/api/agent-hub/me', headers)
  return status === 200 ? 'let in' : `${status} ${body.code}`
}
const set = (id: string, change: string) =>
  database.asSuperuser(`update nora.api_keys set ${change} where id = $1`, [id])

test('a program is told what its key is and may do', async () => {
  const made = await makeKey(here.owner, here.id, { scopes: ['agents:read', 'logs:read'], name: 'watcher' })
  const { status, body, text } = await program(api, made.key).get('/api/agent-hub/me')
  expect(status, text).toBe(200)
  expect(body).toEqual({
    ...{ id: made.id, name: 'watcher', prefix: made.prefix, workspaceId: here.id },
    ...{ createdBy: here.owner.user!.id, allowedCidrs: [], expiresAt: made.expiresAt },
    ...{ scopes: ['agents:read', 'logs:read'], grantedScopes: ['agents:read', 'logs:read'] },
    createdAt: expect.any(String),
    limits: { calls: 1_000_000, seconds: 60 },
  })
  expect(text).not.toContain(made.key.slice(20))
})

describe('the door', () => {
  test('takes no session, in a cookie or a header, and nothing for nobody', async () => {
    const withCookie = await api.login(here.owner.user!.email, 'correct horse battery staple', 'cookie')
    for (const who of [here.owner, withCookie]) {
      for (const path of ['/api/agent-hub/me', '/api/agent-hub/agents']) {
        const { status, body } = await who.get(path)
        expect([status, body.code]).toEqual([403, 'api-key-required'])
      }
    }
    expect(await ask('eyJhbGciOiJub25lIn0.e30.x')).toBe('401 unauthenticated')
    const nobody = await api.anonymous.get('/api/agent-hub/me')
    expect([nobody.status, nobody.body.code]).toEqual([401, 'unauthenticated'])
  })

  test('takes a key in Authorization: Bearer and nowhere else', async () => {
    const { key } = await makeKey(here.owner, here.id)
    const get = async (path: string, headers: Record<string, string>) =>
      (await api.anonymous.get(path, headers)).status
    expect(await get('/api/agent-hub/me', { authorization: `bearer ${key}` })).toBe(200)
    for (const headers of [
      { authorization: key },
      { authorization: `Basic ${Buffer.from(`x:${key}`).toString('base64')}` },
      { 'x-api-key': key },
      { cookie: `nora_at=${key}` },
    ]) {
      expect(await get('/api/agent-hub/me', headers), Object.keys(headers)[0]).toBe(401)
    }
    expect(await get(`/api/agent-hub/me?api_key=${key}`, {})).toBe(401)
    const both = { authorization: `Bearer ${key}`, cookie: 'nora_at=x' }
    expect(await get('/api/agent-hub/me', both)).toBe(400)
  })

  test('is the only one: everywhere else a key is as good as nothing', async () => {
    const { key } = await makeKey(here.owner, here.id, { scopes: [...apiKeyScopes] })
    const others = api.app.routeList.filter(
      ({ access, method }) => access !== 'public' && !access.startsWith('hub') && method !== 'TRACE',
    )
    expect(others.length).toBeGreaterThan(40)
    for (const { method, url } of others) {
      const path = url.replace(/:\w+/g, here.id).replace('*', 'x')
      const mutation = !['GET', 'HEAD', 'OPTIONS'].includes(method)
      const { status } = await program(api, key).request(method, path, mutation ? { body: {} } : {})
      expect(status, `${method} ${url}`).toBe(401)
    }
  })

  test('asks Postgres nothing about what is no key, also when there is no Postgres', async () => {
    const db = connect({
      databaseUrl: 'postgres://nora_app:x@127.0.0.1:1/nora',
      applicationName: 'test',
      onError: () => undefined,
    })
    const alone = await startApi(database, redis, { deps: { db } })
    try {
      const key = newHubKey(newPublicId())
      const code = async (text: string) => (await program(alone, text).get('/api/agent-hub/me')).body.code
      expect(await code(key)).toBe('unavailable')
      const last = key.endsWith('x') ? 'y' : 'x'
      for (const text of [
        key.slice(0, -1) + last,
        'nora_hub_x',
        'x',
        `${key}x`,
        randomBytes(40).toString('hex'),
      ]) {
        expect(await code(text), text).toBe('api-key-invalid')
      }
    } finally {
      await alone.close()
      await db.destroy()
    }
  })

  test('refuses a key that nobody made, one with another secret, and one of another server', async () => {
    const made = await makeKey(here.owner, here.id)
    expect(await ask(newHubKey(newPublicId()))).toBe('401 api-key-invalid')
    expect(await ask(newHubKey(made.prefix.slice('nora_hub_'.length)))).toBe('401 api-key-invalid')
    const other = await startApi(database, redis, { deps: { hubPeppers: [randomBytes(32)] } })
    try {
      const answer = await program(other, made.key).get('/api/agent-hub/me')
      expect([answer.status, answer.body.code]).toEqual([401, 'api-key-invalid'])
    } finally {
      await other.close()
    }
    expect(await ask(made.key)).toBe('let in')
  })

  test('knows an expired key, a revoked one, and the workspace of each', async () => {
    const made = await makeKey(here.owner, here.id)
    expect(await ask(made.key, { 'x-nora-workspace': here.id })).toBe('let in')
    for (const other of [randomUUID(), (await team(api)).id, 'x', `${here.id},${here.id}`]) {
      expect(await ask(made.key, { 'x-nora-workspace': other })).toBe('403 wrong-workspace')
    }
    await set(made.id, `created_at = now() - interval '2 days', expires_at = now() - interval '1 second'`)
    expect(await ask(made.key)).toBe('401 api-key-expired')
    await set(made.id, `expires_at = now() + interval '1 day'`)
    expect(await ask(made.key)).toBe('let in')
    expect((await here.owner.delete(made.path)).status).toBe(204)
    expect(await ask(made.key)).toBe('401 api-key-invalid')
  })

  test('says which scope is missing, on every route', async () => {
    const routes = api.app.routeList.filter(
      ({ access, method }) => access.startsWith('hub:') && method !== 'HEAD',
    )
    expect(routes.length).toBeGreaterThan(12)
    for (const { access, method, url } of routes) {
      const scope = access.slice('hub:'.length)
      const { key } = await keyWithout(scope)
      const path = url.replace(/:\w+/g, here.id).replace('*', 'x')
      const { status, body } = await program(api, key).request(
        method,
        path,
        method === 'GET' ? {} : { body: {} },
      )
      expect([status, body.code, body.scope], `${method} ${url}`).toEqual([403, 'missing-scope', scope])
    }
  })
})

const without = new Map<string, ReturnType<typeof makeKey>>()
function keyWithout(scope: string) {
  const made =
    without.get(scope) ?? makeKey(here.owner, here.id, { scopes: everyScope.filter((one) => one !== scope) })
  without.set(scope, made)
  return made
}

describe('a key’s maker', () => {
  test('who is demoted takes scopes along, and gives them back', async () => {
    const admin = await stepUp(await here.join('admin'))
    const made = await makeKey(admin, here.id)
    const scopes = async () => (await program(api, made.key).get('/api/agent-hub/me')).body.scopes
    expect(await scopes()).toEqual(everyScope)
    expect((await here.setRole(here.owner, admin, 'viewer')).status).toBe(200)
    expect(await scopes()).toEqual(['agents:read', 'logs:read', 'metrics:read', 'catalog:read'])
    const refused = await program(api, made.key).post('/api/agent-hub/agents', {
      name: 'a',
      runtime: 'starter',
    })
    expect([refused.status, refused.body.code, refused.body.scope]).toEqual([
      403,
      'missing-scope',
      'agents:write',
    ])
    expect(refused.body.detail).toContain('role')
    expect((await here.setRole(here.owner, admin, 'editor')).status).toBe(200)
    expect(await scopes()).toEqual(everyScope)
  })

  test('who is removed, or disabled, or leaves, takes the key along with the next call', async () => {
    const removed = await stepUp(await here.join('admin'))
    const disabled = await stepUp(await here.join('admin'))
    const leaver = await stepUp(await here.join('admin'))
    const made = await Promise.all([removed, disabled, leaver].map((who) => makeKey(who, here.id)))
    for (const { key } of made) expect(await ask(key)).toBe('let in')
    expect((await here.remove(here.owner, removed)).status).toBe(204)
    await database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [disabled.user!.id])
    expect((await here.remove(leaver, leaver)).status).toBe(204)
    for (const { key } of made) expect(await ask(key)).toBe('401 api-key-invalid')
  })
})

test('a deleted workspace takes its keys along', async () => {
  const other = await team(api)
  const made = await makeKey(other.owner, other.id)
  expect((await other.owner.delete(`/api/workspaces/${other.id}`)).status).toBe(204)
  expect(await ask(made.key)).toBe('401 api-key-invalid')
})
