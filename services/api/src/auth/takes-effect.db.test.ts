import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { logSockets, quiet } from '../testing/log-sockets.ts'
import { accept, stepUp } from '../testing/team.ts'
import { password, testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const logs = logSockets(database, api)
const invoked = invokedAgent(database, api)

const sessionOf = async (who: Client) => (await who.get('/api/auth/me')).body.session.id as string
const done = async (answer: ReturnType<Client['get']>) => expect((await answer).status).toBe(204)

/** What ends the first session of a person: by itself, or by another session of theirs. */
const ends: Record<string, (held: Client, other: Client) => Promise<unknown>> = {
  'signing out': (held) => done(held.post('/api/auth/logout')),
  'being revoked from another session': async (held, other) =>
    done(other.delete(`/api/auth/sessions/${await sessionOf(held)}`)),
  'all sessions being revoked': (_, other) => done(other.delete('/api/auth/sessions')),
  'all other sessions being revoked': (_, other) => done(other.delete('/api/auth/sessions?keepCurrent=true')),
  'the password being changed': (_, other) =>
    done(other.patch('/api/auth/password', { currentPassword: password, newPassword: `${password}!` })),
  'its refresh token being used twice': async (held) => {
    const again = () => api.anonymous.post('/api/auth/refresh', { refreshToken: held.refreshToken })
    const session = await sessionOf(held)
    expect((await again()).status).toBe(200)
    await database.asSuperuser(
      `update nora.refresh_tokens set used_at = used_at - interval '11 seconds' where session_id = $1`,
      [session],
    )
    expect((await again()).status).toBe(401)
  },
  'the account being disabled': (held) =>
    database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [held.user!.id]),
}

/** `ended` says how it ended, once it has. */
type Opened = { ended: Promise<unknown> }

/** Opens a log socket of an agent of theirs. */
async function openSocket(who: Client): Promise<Opened> {
  const agent = (await who.post('/api/agents', { name: 'a', runtime: 'starter' })).body.id
  const { frames, closed } = logs.connect(await logs.ticketOf(who, agent), who, { agent })
  await waitUntil('the state', () => frames.length === 1)
  return { ended: closed }
}

/** Opens a stream that an agent of somebody else's workspace, to which they were invited, goes on sending. */
async function openStream(who: Client): Promise<Opened> {
  const { owner } = invoked
  const workspace = (await owner.get('/api/auth/me')).body.personalWorkspaceId
  const path = `/api/workspaces/${workspace}/invitations`
  const made = await owner.post(path, { email: who.user!.email, role: 'editor' })
  expect(made.status, made.text).toBe(201)
  expect((await accept(who, made.body.token)).status).toBe(200)
  const response = await fetch(`${api.url}${invoked.path('/events')}`, {
    headers: { authorization: `Bearer ${who.accessToken}`, 'x-nora-workspace': workspace },
  })
  expect(response.status).toBe(200)
  const reader = response.body!.getReader()
  await reader.read()
  const read = async () => {
    while (!(await reader.read()).done);
    return 'as if it were whole'
  }
  return { ended: read().catch((error: Error) => error.message) }
}

beforeAll(async () => {
  await stepUp(invoked.owner)
  invoked.handle = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  }
})

test.each([
  ['an open log socket', openSocket, 4403],
  ['an open stream from an agent', openStream, 'terminated'],
])('%s is cut within five seconds, and every later call refused, by each of these', async (_, open, how) => {
  await logs.worker(quiet)
  const all = []
  for (const [name, end] of Object.entries(ends)) {
    const held = await api.signUp()
    const other = await api.login(held.user!.email, password)
    all.push({ name, end, held, other, ...(await open(held)) })
  }
  // One that nothing ends, so that it is not the waiting that cuts them.
  const bystander = await open(await api.signUp())
  let cut = false
  void bystander.ended.then(() => {
    cut = true
  })
  await Promise.all(
    all.map(async ({ name, end, held, other }) => {
      await end(held, other)
      expect((await held.get('/api/auth/me')).status, name).toBe(401)
    }),
  )
  const found = await withinFiveSeconds(database, Promise.all(all.map(({ ended }) => ended)))
  expect(found).toEqual(Array(7).fill(how))
  expect(cut).toBe(false)
})
