import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { audit } from '@nora/db/audit'
import { DomainError } from '@nora/domain/errors'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { type FastifyInstance, fastify } from 'fastify'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, client } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'
import { installEdge, serverOptions } from './edge.ts'
import { idempotently, sendOutcome } from './idempotency.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const app = { url: '' } as { url: string; close: () => Promise<void> }
/** What the action does in the middle of its transaction. */
let midway: () => Promise<void> = async () => undefined

const Thing = Type.Object(
  { name: Type.String(), other: Type.Optional(Type.Integer()) },
  { additionalProperties: false },
)
const Made = Type.Object({ id: Type.String(), name: Type.String() })

/** Routes whose action can be counted: each leaves one audit row. */
const things: FastifyPluginAsyncTypebox = async (server) => {
  for (const [url, idempotency] of [
    ['/things', 'answer'],
    ['/tickets', 'credential'],
  ] as const) {
    server.post(
      url,
      { config: { access: 'key:write', idempotency }, schema: { body: Thing, response: { 201: Made } } },
      async (request, reply) => {
        const outcome = await idempotently(api.deps, request, async (tx, entered) => {
          const id = randomUUID()
          const target = { kind: 'thing', id }
          await audit(tx, {
            type: 'THING_MADE',
            actor: { kind: 'user', id: entered.userId },
            workspaceId: entered.workspaceId,
            target,
            details: { name: request.body.name },
          })
          await midway()
          return { status: 201, location: `/things/${id}`, body: { id, name: request.body.name } }
        })
        return sendOutcome(reply, outcome) as never
      },
    )
  }
}

beforeAll(async () => {
  const server = fastify(serverOptions(api.deps))
  await installEdge(server as unknown as FastifyInstance, api.deps)
  await server.register(things)
  await server.listen({ host: '127.0.0.1', port: 0 })
  app.url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
  app.close = () => server.close()
})
afterAll(() => app.close())

async function person(): Promise<Client> {
  const { accessToken, user } = await api.signUp()
  return Object.assign(client({ url: app.url, origin: api.origin }), { accessToken, user })
}
const made = async (user: Client) =>
  (
    await database.asSuperuser(
      `select 1 from nora.audit_log where event_type = 'THING_MADE' and actor_id = $1`,
      [user.user!.id],
    )
  ).length
const key = () => ({ 'idempotency-key': randomUUID() })

describe('the same key', () => {
  test('with the same body gives the first answer again, and nothing happens twice', async () => {
    const user = await person()
    const headers = key()
    const first = await user.post('/things', { name: 'a', other: 1 }, headers)
    const again = await user.post('/things', { other: 1, name: 'a' }, headers)
    expect(first.status).toBe(201)
    expect([again.status, again.text, again.headers.get('location')]).toEqual([
      201,
      first.text,
      first.headers.get('location'),
    ])
    expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true'])
    expect(await made(user)).toBe(1)
  })

  test('with another body, path or query is 409', async () => {
    const user = await person()
    const headers = key()
    await user.post('/things', { name: 'a' }, headers)
    for (const [path, name] of [
      ['/things', 'b'],
      ['/tickets', 'a'],
      ['/things?x=1', 'a'],
    ]) {
      const answer = await user.post(path!, { name }, headers)
      expect([answer.status, answer.body.code]).toEqual([409, 'idempotency-key-reused'])
    }
    expect(await made(user)).toBe(1)
  })

  test('of another person is another key', async () => {
    const [one, two] = [await person(), await person()]
    const headers = key()
    const answers = [
      await one.post('/things', { name: 'a' }, headers),
      await two.post('/things', { name: 'b' }, headers),
    ]
    expect(answers.map(({ status, body }) => [status, body.name])).toEqual([
      [201, 'a'],
      [201, 'b'],
    ])
  })

  test('for an answer with a credential is 409 and the answer is nowhere stored', async () => {
    const user = await person()
    const headers = key()
    const first = await user.post('/tickets', { name: 'a' }, headers)
    const again = await user.post('/tickets', { name: 'a' }, headers)
    expect([again.status, again.body.code]).toEqual([409, 'idempotency-not-replayable'])
    const rows = await database.asSuperuser<{ row: string }>(
      'select k::text as row from nora.idempotency_keys k',
    )
    expect(rows.map(({ row }) => row).join()).not.toContain(first.body.id)
    expect(await made(user)).toBe(1)
  })

  test('at once: one works, the others are told so or get its answer', async () => {
    const user = await person()
    const headers = key()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => user.post('/things', { name: 'a' }, headers)),
    )
    expect(await made(user)).toBe(1)
    for (const { status, body } of answers) {
      expect([201, 409]).toContain(status)
      if (status === 409) expect(body.code).toBe('idempotency-in-progress')
    }
    expect(answers.some(({ status }) => status === 201)).toBe(true)
    expect((await user.post('/things', { name: 'a' }, headers)).status).toBe(201)
  })

  test('while the first is in the middle is 409, at once', async () => {
    const user = await person()
    const headers = key()
    const reached = Promise.withResolvers<void>()
    const released = Promise.withResolvers<void>()
    midway = async () => {
      reached.resolve()
      await released.promise
    }
    const first = user.post('/things', { name: 'a' }, headers)
    await reached.promise
    midway = async () => undefined
    expect((await user.post('/things', { name: 'a' }, headers)).body.code).toBe('idempotency-in-progress')
    released.resolve()
    expect((await first).status).toBe(201)
  })

  test('after 24 hours is a new one', async () => {
    const user = await person()
    const headers = key()
    await user.post('/things', { name: 'a' }, headers)
    await database.asSuperuser(`update nora.idempotency_keys set created_at = now() - interval '25 hours'`)
    expect((await user.post('/things', { name: 'b' }, headers)).body.name).toBe('b')
    expect(await made(user)).toBe(2)
  })
})

describe('a first call that does not end well leaves the key free', () => {
  test('refused', async () => {
    const user = await person()
    const headers = key()
    midway = () => Promise.reject(new DomainError('quota-exceeded'))
    expect((await user.post('/things', { name: 'a' }, headers)).status).toBe(422)
    midway = async () => undefined
    expect((await user.post('/things', { name: 'a' }, headers)).status).toBe(201)
    expect(await made(user)).toBe(1)
  })

  test('cut off in the middle by the loss of its connection, as by the death of its process', async () => {
    const user = await person()
    const headers = key()
    midway = async () => {
      await database.asSuperuser(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and usename = 'nora_app' and state = 'idle in transaction'`,
      )
    }
    expect((await user.post('/things', { name: 'a' }, headers)).status).toBeGreaterThanOrEqual(500)
    midway = async () => undefined
    expect(await made(user)).toBe(0)
    expect((await user.post('/things', { name: 'a' }, headers)).status).toBe(201)
    expect(await made(user)).toBe(1)
  })
})

test.each(['', 'x'.repeat(201), 'with space', 'ü'])('the key %j is refused', async (text) => {
  const answer = await (await person()).post('/things', { name: 'a' }, { 'idempotency-key': text })
  expect([answer.status, answer.body.code]).toEqual([400, 'bad-request'])
})

test('without a key every call acts', async () => {
  const user = await person()
  for (let n = 0; n < 3; n++) expect((await user.post('/things', { name: 'a' })).status).toBe(201)
  expect(await made(user)).toBe(3)
})
