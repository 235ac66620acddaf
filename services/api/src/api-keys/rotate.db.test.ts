import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { makeKey, program } from '../testing/program.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let here: Team
let owner: Client

beforeAll(async () => {
  here = await team(api)
  owner = here.owner
})

const me = async (key: string) => {
  const { status, body } = await program(api, key).get('/api/agent-hub/me')
  return status === 200 ? 'works' : body.code
}
const changes = async (id: string) =>
  database.asSuperuser<{ actor_id: string; details: Record<string, unknown> }>(
    `select actor_id, details from nora.audit_log where event_type = 'API_KEY_CHANGED' and target_id = $1 order by seq`,
    [id],
  )

describe('a rotation', () => {
  test('gives another secret of the same key; the one before works for a grace of 24 hours', async () => {
    const made = await makeKey(owner, here.id)
    const { status, body } = await owner.post(`${made.path}/rotate`)
    expect([status, body.id, body.prefix, body.expiresAt]).toEqual([
      200,
      made.id,
      made.prefix,
      made.expiresAt,
    ])
    expect([await me(made.key), await me(body.key)]).toEqual(['works', 'works'])
    const ends = await database.asSuperuser<{ hours: number }>(
      `select (extract(epoch from ends_at - now()) / 3600)::float8 as hours from nora.api_key_secrets
       where key_id = $1 order by ends_at`,
      [made.id],
    )
    expect(ends[0]!.hours).toBeCloseTo(24, 1)
    expect((await changes(made.id)).at(-1)).toMatchObject({ details: { change: 'rotated', graceHours: 24 } })
  })

  test('without grace ends the one before at once', async () => {
    const made = await makeKey(owner, here.id)
    const { body } = await owner.post(`${made.path}/rotate`, { graceHours: 0 })
    expect([await me(made.key), await me(body.key)]).toEqual(['api-key-expired', 'works'])
  })

  test('has a grace of at most seven days, which never passes the end of the key', async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString()
    const made = await makeKey(owner, here.id, { expiresAt: soon })
    for (const graceHours of [-1, 169, '1', null]) {
      expect((await owner.post(`${made.path}/rotate`, { graceHours })).status).toBe(400)
    }
    const { body } = await owner.post(`${made.path}/rotate`, { graceHours: 168 })
    expect(body.expiresAt).toBe(soon)
    const ends = await database.asSuperuser<{ ends_at: Date }>(
      'select ends_at from nora.api_key_secrets where key_id = $1',
      [made.id],
    )
    expect(ends.map(({ ends_at }) => ends_at.toISOString())).toEqual([soon, soon])
  })

  test('of an expired key is refused', async () => {
    const made = await makeKey(owner, here.id)
    await database.asSuperuser(
      `update nora.api_keys set created_at = created_at - interval '1 day', expires_at = now() - interval '1 second'
       where id = $1`,
      [made.id],
    )
    const { status, body } = await owner.post(`${made.path}/rotate`, {})
    expect([status, body.code]).toEqual([409, 'api-key-ended'])
  })

  test('that races others leaves every answered key good, and keeps nobody’s grace from them', async () => {
    const made = await makeKey(owner, here.id)
    const answers = await Promise.all(Array.from({ length: 8 }, () => owner.post(`${made.path}/rotate`, {})))
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
    const all = [made.key, ...answers.map(({ body }) => body.key)]
    expect(new Set(all).size).toBe(9)
    for (const key of all) expect(await me(key)).toBe('works')
    const last = await owner.post(`${made.path}/rotate`, { graceHours: 0 })
    for (const key of all) expect(await me(key)).toBe('api-key-expired')
    expect(await me(last.body.key)).toBe('works')
  })

  test('that races a revocation leaves no key', async () => {
    for (let n = 0; n < 5; n++) {
      const made = await makeKey(owner, here.id)
      const [rotated, revoked] = await Promise.all([
        owner.post(`${made.path}/rotate`, {}),
        owner.delete(made.path),
      ])
      expect(revoked.status).toBe(204)
      expect([200, 404]).toContain(rotated.status)
      expect(await me(made.key)).toBe('api-key-invalid')
      if (rotated.status === 200) expect(await me(rotated.body.key)).toBe('api-key-invalid')
    }
  })
})
