import type { IncomingMessage } from 'node:http'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, describe, expect, test } from 'vitest'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { makeKey, program } from '../testing/program.ts'
import { stepUp } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const agent = invokedAgent(database, api)
let workspaceId: string

beforeAll(async () => {
  await stepUp(agent.owner)
  workspaceId = (await agent.owner.get('/api/auth/me')).body.personalWorkspaceId
})

const path = (rest: string) => `/api/agent-hub/agents/${agent.agentId}/invoke${rest}`
const key = () => makeKey(agent.owner, workspaceId, { scopes: ['agents:invoke'] })

test('a program’s call arrives as it was sent, without its key', async () => {
  let seen: { url: string | undefined; headers: IncomingMessage['headers']; body: string } | undefined
  agent.handle = async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    seen = { url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() }
    response.writeHead(201, { 'content-type': 'application/json' }).end('{"ok":true}')
  }
  const made = await key()
  const answer = await program(api, made.key).request('POST', path('/v1/chat%20x?a=b%2Fc'), {
    raw: '{"hello":"wörld"}',
    headers: { 'content-type': 'application/json', 'x-nora-workspace': workspaceId, 'x-mine': 'kept' },
  })
  expect([answer.status, answer.body, answer.headers.get('x-nora-answer')]).toEqual([
    201,
    { ok: true },
    'agent',
  ])
  expect(answer.headers.get('ratelimit-limit')).not.toBeNull()
  expect([seen?.url, seen?.body, seen?.headers['x-mine']]).toEqual([
    '/v1/chat%20x?a=b%2Fc',
    '{"hello":"wörld"}',
    'kept',
  ])
  expect(seen?.headers.authorization).toBeUndefined()
  expect(JSON.stringify(seen)).not.toContain('nora_hub')
  expect(api.logged.join('')).not.toContain(made.key.slice(20))
})

test('a redirect inside the agent stays where programs call', async () => {
  agent.handle = (_request, response) => response.writeHead(302, { location: '/login?x=1' }).end()
  const answer = await program(api, (await key()).key).get(path('/in'))
  expect(answer.headers.get('location')).toBe(path('/login?x=1'))
})

async function openStream() {
  agent.handle = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  }
  const made = await key()
  const response = await fetch(`${api.url}${path('/events')}`, {
    headers: { authorization: `Bearer ${made.key}` },
  })
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
  const reader = response.body!.getReader()
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: 1\n\n')
  return { made, reader }
}

describe('an open event stream', () => {
  test('passes events on as they come, and ends the agent’s work when the program leaves', async () => {
    let next: (() => void) | undefined
    let ended = false
    agent.handle = async (_request, response) => {
      response.on('close', () => {
        ended = true
      })
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
      await new Promise<void>((resolve) => {
        next = resolve
      })
      response.write('data: 2\n\n')
    }
    const leave = new AbortController()
    const headers = { authorization: `Bearer ${(await key()).key}` }
    const response = await fetch(`${api.url}${path('/events')}`, { headers, signal: leave.signal })
    const reader = response.body!.getReader()
    const read = async () => Buffer.from((await reader.read()).value ?? []).toString()
    expect(await read()).toBe('data: 1\n\n')
    next!()
    expect(await read()).toBe('data: 2\n\n')
    leave.abort()
    await waitUntil('the agent to see it', () => ended)
  })

  test.each([
    [
      'the key is revoked',
      async (id: string) =>
        expect((await agent.owner.delete(`/api/workspaces/${workspaceId}/api-keys/${id}`)).status).toBe(204),
    ],
    [
      'its maker is disabled',
      () =>
        database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [
          agent.owner.user!.id,
        ]),
    ],
  ])('is cut within five seconds when %s', async (_, end) => {
    const { made, reader } = await openStream()
    await end(made.id)
    await withinFiveSeconds(database, expect(reader.read()).rejects.toThrow())
    expect((await program(api, made.key).get(path('/x'))).body.code).toBe('api-key-invalid')
  })
})
