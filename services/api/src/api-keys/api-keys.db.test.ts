import { randomUUID } from 'node:crypto'
import { hashHubProof, hubKeyProver, publicIdOf } from '@nora/crypto/hub-keys'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { everyScope, makeKey, program } from '../testing/program.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const dayMs = 86_400_000
let here: Team
let owner: Client
let keys: string

beforeAll(async () => {
  here = await team(api)
  owner = here.owner
  keys = `/api/workspaces/${here.id}/api-keys`
})

const wanted = { name: 'ci', scopes: ['agents:read'] }
const me = async (key: string) => {
  const { status, body } = await program(api, key).get('/api/agent-hub/me')
  return status === 200 ? 'works' : body.code
}
const daysLeft = (moment: string) => (Date.parse(moment) - Date.now()) / dayMs
const changes = async (id: string) =>
  database.asSuperuser<{ actor_id: string; details: Record<string, unknown> }>(
    `select actor_id, details from nora.audit_log where event_type = 'API_KEY_CHANGED' and target_id = $1 order by seq`,
    [id],
  )

describe('a new key', () => {
  test('is shown once, lives 90 days, and is stored as the hash of a keyed hash', async () => {
    const answer = await owner.post(keys, wanted)
    expect(answer.status, answer.text).toBe(201)
    const { key, id, prefix, expiresAt } = answer.body
    expect(answer.headers.get('location')).toBe(`${keys}/${id}`)
    expect(answer.body).toMatchObject({
      ...wanted,
      allowedCidrs: [],
      createdBy: owner.user!.id,
      lastUsedAt: null,
    })
    expect(prefix).toBe(`nora_hub_${publicIdOf(key)}`)
    expect(key.startsWith(`${prefix}_`)).toBe(true)
    expect(daysLeft(expiresAt)).toBeCloseTo(90, 2)
    const list = await owner.get(keys)
    expect(list.body.items.find((item: { id: string }) => item.id === id)).toMatchObject({
      prefix,
      name: 'ci',
    })
    expect(list.text).not.toContain(key.slice(20))
    expect(api.logged.join('')).not.toContain(key.slice(20))
    const [stored] = await database.asSuperuser<{ hash: Buffer }>(
      'select hash from nora.api_key_secrets where key_id = $1',
      [id],
    )
    expect(stored!.hash).toEqual(hashHubProof(hubKeyProver(api.deps.hubPeppers[0]!)(key)))
    expect(await changes(id)).toMatchObject([
      { actor_id: owner.user!.id, details: { change: 'created', scopes: ['agents:read'] } },
    ])
    expect(JSON.stringify(await changes(id))).not.toContain(key.slice(20))
  })

  test('may be given a shorter or longer life, up to a year', async () => {
    const at = (days: number) => new Date(Date.now() + days * dayMs).toISOString()
    for (const days of [0.01, 364.9]) {
      const { body } = await owner.post(keys, { ...wanted, expiresAt: at(days) })
      expect(daysLeft(body.expiresAt)).toBeCloseTo(days, 2)
    }
    const soon = new Date(Date.now() + 2_000).toISOString()
    for (const expiresAt of [
      at(366),
      at(-1),
      soon,
      '0001-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
      'tomorrow',
    ]) {
      const { status, body } = await owner.post(keys, { ...wanted, expiresAt })
      expect([status, body.errors[0].path]).toEqual([400, 'body/expiresAt'])
    }
  })

  test.each([
    ['an unknown scope', { scopes: ['agents:read', 'admin'] }],
    ['no scope', { scopes: [] }],
    ['a scope twice', { scopes: ['agents:read', 'agents:read'] }],
    ['no name', { name: '' }],
    ['an unknown field', { role: 'owner' }],
    ['a CIDR with too long a prefix', { allowedCidrs: ['10.0.0.0/33'] }],
    ['a name for a CIDR', { allowedCidrs: ['office.example.test'] }],
    ['an address with a zone', { allowedCidrs: ['fe80::1%eth0'] }],
    ['IPv4 written as IPv6', { allowedCidrs: ['::ffff:10.0.0.0/104'] }],
    ['IPv4 written as the longest IPv6', { allowedCidrs: ['0:0:0:0:0:FFFF:0a00:0001'] }],
  ])('with %s is refused', async (_, change) => {
    const { status, body } = await owner.post(keys, { ...wanted, ...change })
    expect([status, body.code]).toEqual([400, 'bad-request'])
  })

  test('keeps the blocks that its CIDRs mean', async () => {
    const allowedCidrs = ['10.1.2.3/8', '192.0.2.7', '2001:db8::1/32', '::1']
    const { body } = await owner.post(keys, { ...wanted, allowedCidrs })
    expect(body.allowedCidrs).toEqual(['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32', '::1/128'])
  })

  test('needs the password again; so does a rotation, and a revocation does not', async () => {
    const made = await makeKey(owner, here.id)
    const fresh = await api.login(owner.user!.email, 'correct horse battery staple')
    for (const path of [keys, `${made.path}/rotate`]) {
      const { status, body } = await fresh.post(path, path === keys ? wanted : {})
      expect([status, body.code]).toEqual([403, 'step-up-required'])
    }
    expect((await fresh.delete(made.path)).status).toBe(204)
  })

  test('is not made twice by one Idempotency-Key, and its answer is not kept', async () => {
    const headers = { 'idempotency-key': randomUUID() }
    expect((await owner.post(keys, wanted, headers)).status).toBe(201)
    const again = await owner.post(keys, wanted, headers)
    expect([again.status, again.body.code]).toEqual([409, 'idempotency-not-replayable'])
    const kept = await database.asSuperuser('select body from nora.idempotency_keys where key = $1', [
      headers['idempotency-key'],
    ])
    expect(kept).toEqual([{ body: null }])
  })

  test('is one of at most fifty, however many are asked for at once', async () => {
    const other = await team(api)
    const path = `/api/workspaces/${other.id}/api-keys`
    for (let n = 0; n < 45; n++) await makeKey(other.owner, other.id)
    const answers = await Promise.all(Array.from({ length: 10 }, () => other.owner.post(path, wanted)))
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201, 201, 201, 201, 201, 422, 422, 422, 422, 422,
    ])
    expect(answers.find(({ status }) => status === 422)?.body.code).toBe('api-key-limit')
  })
})

describe('who', () => {
  test('is less than an admin sees and makes none, and nobody finds another workspace’s', async () => {
    const made = await makeKey(owner, here.id)
    for (const role of ['viewer', 'editor'] as const) {
      const who = await here.join(role)
      const answers = [await who.get(keys), await who.post(keys, wanted), await who.delete(made.path)]
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403])
    }
    const stranger = await team(api)
    const foreign = made.path.replace(here.id, stranger.id)
    expect((await stranger.owner.delete(foreign)).status).toBe(404)
    expect((await stranger.owner.post(`${foreign}/rotate`, {})).status).toBe(404)
    expect((await stranger.owner.get(keys)).status).toBe(404)
    expect(await me(made.key)).toBe('works')
  })

  test('is an admin revokes anybody’s, and rotates only their own: the answer would act as somebody else', async () => {
    const made = await makeKey(owner, here.id)
    const admin = await here.join('admin')
    const rotated = await admin.post(`${made.path}/rotate`, {})
    expect([rotated.status, rotated.body.code]).toEqual([403, 'not-your-api-key'])
    expect((await admin.delete(made.path)).status).toBe(204)
    expect(await me(made.key)).toBe('api-key-invalid')
    expect((await changes(made.id)).at(-1)).toMatchObject({
      actor_id: admin.user!.id,
      details: { change: 'revoked', createdBy: owner.user!.id },
    })
    expect((await admin.delete(made.path)).status).toBe(404)
  })
})

test('keys are listed in pages, expired ones too, and an old end is forgotten', async () => {
  const other = await team(api)
  const path = `/api/workspaces/${other.id}/api-keys`
  const made = []
  for (let n = 0; n < 3; n++) made.push(await makeKey(other.owner, other.id, { scopes: everyScope }))
  await expire(made[0]!.id)
  const first = await other.owner.get(`${path}?limit=2`)
  const second = await other.owner.get(`${path}?limit=2&cursor=${first.body.nextCursor}`)
  const ids = [...first.body.items, ...second.body.items].map((item: { id: string }) => item.id)
  expect(ids).toEqual(made.map(({ id }) => id).reverse())
  expect(second.body.nextCursor).toBeNull()
  await expire(made[0]!.id, '31 days')
  await makeKey(other.owner, other.id)
  expect((await other.owner.get(path)).body.items).toHaveLength(3)
})

const expire = (id: string, ago = '1 second') =>
  database.asSuperuser(
    `update nora.api_keys set created_at = created_at - interval '100 days', expires_at = now() - interval '${ago}'
     where id = $1`,
    [id],
  )
