import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import type { Answer, Client } from '../testing/client.ts'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const rounds = 12

type Race = (t: Team, a: Client, b: Client) => Promise<Answer>[]
const leave = (t: Team, who: Client) => t.remove(who, who)

// Two owners, and what they do in the same moment.
const races: [string, Race][] = [
  ['each demotes the other', (t, a, b) => [t.setRole(a, b, 'viewer'), t.setRole(b, a, 'viewer')]],
  ['both step down', (t, a, b) => [t.setRole(a, a, 'admin'), t.setRole(b, b, 'editor')]],
  ['both leave', (t, a, b) => [leave(t, a), leave(t, b)]],
  ['one leaves, one steps down', (t, a, b) => [leave(t, a), t.setRole(b, b, 'viewer')]],
  ['one is removed by the other, who is demoted', (t, a, b) => [t.remove(a, b), t.setRole(b, a, 'viewer')]],
  ['one is removed, the other leaves', (t, a, b) => [t.remove(a, b), leave(t, a)]],
  ['each removes the other', (t, a, b) => [t.remove(a, b), t.remove(b, a)]],
  ['one hands over to the other, who leaves', (t, a, b) => [t.setRole(a, b, 'owner', true), leave(t, b)]],
]

describe('a workspace keeps an owner when', () => {
  test.each(races)('%s', async (_, race) => {
    const t = await team(api)
    const second = await t.join('owner')
    const put = (who: Client) =>
      database.asSuperuser(
        `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'owner')
         on conflict (workspace_id, user_id) do update set role = 'owner'`,
        [t.id, who.user!.id],
      )
    for (let round = 0; round < rounds; round++) {
      await Promise.all([put(t.owner), put(second)])
      const answers = await Promise.all(round % 2 === 0 ? race(t, t.owner, second) : race(t, second, t.owner))
      for (const { status, text } of answers) expect([200, 204, 403, 404, 409], text).toContain(status)
      expect(answers.some(({ status }) => status < 300)).toBe(true)
      const owners = await database.asSuperuser(
        `select user_id from nora.memberships where workspace_id = $1 and role = 'owner'`,
        [t.id],
      )
      expect(
        owners.length,
        JSON.stringify(answers.map(({ status, body }) => [status, body?.code])),
      ).toBeGreaterThan(0)
    }
  })
})
