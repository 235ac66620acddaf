import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { logSockets, quiet } from '../testing/log-sockets.ts'
import { accept, stepUp } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const logs = logSockets(database, api)
const invoked = invokedAgent(database, api)

/** Somebody who belongs to a workspace by an invitation of its owner's. */
async function guest(owner: Client): Promise<{ who: Client; path: string; headers: Record<string, string> }> {
  const who = await api.signUp()
  const id = (await owner.get('/api/auth/me')).body.personalWorkspaceId
  const made = await owner.post(`/api/workspaces/${id}/invitations`, {
    email: who.user!.email,
    role: 'editor',
  })
  expect(made.status, made.text).toBe(201)
  expect((await accept(who, made.body.token)).status).toBe(200)
  return { who, path: `/api/workspaces/${id}/members/${who.user!.id}`, headers: { 'x-nora-workspace': id } }
}

type Guest = Awaited<ReturnType<typeof guest>>
const disable = ({ who }: Guest) =>
  database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [who.user!.id])

const ends: [string, (owner: Client, guest: Guest) => Promise<unknown>][] = [
  ['being removed', async (owner, { path }) => expect((await owner.delete(path)).status).toBe(204)],
  ['leaving', async (_, { who, path }) => expect((await who.delete(path)).status).toBe(204)],
  ['being disabled', (_, them) => disable(them)],
]
const demotion: typeof ends = [
  [
    'being demoted',
    async (owner, { path }) => expect((await owner.patch(path, { role: 'viewer' })).status).toBe(200),
  ],
]

beforeAll(async () => {
  await Promise.all([stepUp(logs.ada), stepUp(invoked.owner)])
})

describe.each(ends)('%s', (_, end) => {
  test('closes an open log socket within five seconds, and voids a ticket that waits', async () => {
    await logs.worker(quiet)
    const them = await guest(logs.ada)
    const ticket = async () => {
      const answer = await them.who.post(
        '/api/ws-tickets',
        { kind: 'logs', agentId: logs.agentId },
        them.headers,
      )
      expect(answer.status, answer.text).toBe(201)
      return answer.body.ticket
    }
    const stream = logs.connect(await ticket(), them.who)
    await waitUntil('the state', () => stream.frames.length === 1)
    const spare = await ticket()
    await end(logs.ada, them)
    const closed = withinFiveSeconds(database, stream.closed)
    expect([4401, 4403]).toContain(await logs.connect(spare, them.who).closed)
    expect(await closed).toBe(4403)
    expect([401, 404]).toContain((await them.who.get('/api/agents', them.headers)).status)
  })
})

describe.each([...ends, ...demotion])('%s', (_, end) => {
  test('cuts an open stream from an agent within five seconds', async () => {
    invoked.handle = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    }
    const them = await guest(invoked.owner)
    const response = await fetch(`${api.url}${invoked.path('/events')}`, {
      headers: { authorization: `Bearer ${them.who.accessToken}`, ...them.headers },
    })
    expect(response.status).toBe(200)
    const reader = response.body!.getReader()
    await reader.read()
    await end(invoked.owner, them)
    await withinFiveSeconds(database, expect(reader.read()).rejects.toThrow())
    const again = await them.who.get(invoked.path('/events'), them.headers)
    expect([401, 403, 404]).toContain(again.status)
  })
})
