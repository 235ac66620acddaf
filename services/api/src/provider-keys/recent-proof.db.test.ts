import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import type { Answer, Client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())

/** As if everybody had signed in that long ago. */
const age = (minutes: number) =>
  database.asSuperuser('update nora.sessions set proven_at = proven_at - make_interval(mins => $1)', [
    minutes,
  ])

const secret = (n: number) => ({ apiKey: `sk-of-a-test-${n}-0123456789abcdef` })
const families = [
  {
    path: 'llm-providers',
    made: { provider: 'openai', label: 'mine', secret: secret(1) },
    next: secret(2),
    shared: true,
  },
  {
    path: 'integrations',
    made: { provider: 'slack', label: 'mine', secret: { botToken: 'xoxb-1-0123456789abcdef' } },
    next: { botToken: 'xoxb-2-0123456789abcdef' },
    shared: true,
  },
  {
    path: 'exchange-credentials',
    made: {
      exchange: 'binance',
      label: 'mine',
      secret: { apiKey: 'k'.repeat(40), apiSecret: 's'.repeat(40) },
    },
    next: { apiKey: 'l'.repeat(40), apiSecret: 't'.repeat(40) },
    shared: false,
  },
]

test.each(families)(
  'storing, replacing, lending and removing asks for the password within ten minutes: $path',
  async ({ path, made, next, shared }) => {
    const who = await api.signUp()
    const first = await who.post(`/api/${path}`, made)
    expect(first.status, first.text).toBe(201)
    const one = `/api/${path}/${first.body.id}`
    const calls: Record<string, (who: Client) => Promise<Answer>> = {
      storing: (caller) => caller.post(`/api/${path}`, made),
      replacing: (caller) => caller.put(one, { secret: next }),
      ...(shared && { lending: (caller: Client) => caller.patch(one, { sharedWithWorkspace: true }) }),
      removing: (caller) => caller.delete(one),
    }
    await age(11)
    for (const [name, call] of Object.entries(calls)) {
      const answer = await call(who)
      expect([answer.status, answer.body?.code], name).toEqual([403, 'step-up-required'])
    }
    const { body } = await who.get(`/api/${path}`)
    expect(body.items).toHaveLength(1)
    expect(body.items[0]).toMatchObject({ id: first.body.id, secretVersion: 1 })
    // What takes nothing from anybody asks for nothing.
    expect((await who.patch(one, { label: 'renamed' })).status).toBe(200)
    if (shared) expect((await who.patch(one, { sharedWithWorkspace: false })).status).toBe(200)
    await stepUp(who)
    for (const [name, call] of Object.entries(calls)) {
      const answer = await call(who)
      expect(answer.status, `${name} ${answer.text}`).toBeLessThan(300)
    }
  },
)
