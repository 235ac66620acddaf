import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { startApi, testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)
const agent = invokedAgent(database, api)

describe('what is refused', () => {
  test('more than 100 MB, before it is read', async () => {
    let calls = 0
    agent.handle = (_request, response) => {
      calls++
      response.end()
    }
    const call = request(`${api.url}${agent.path('/big')}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${agent.owner.accessToken}`,
        'content-length': String(101 * 1024 * 1024),
      },
    })
    call.on('error', () => undefined)
    call.flushHeaders()
    const [answer] = (await once(call, 'response')) as [IncomingMessage]
    expect([answer.statusCode, calls]).toEqual([413, 0])
    call.destroy()
  })

  test.each(['queued', 'provisioning', 'stopping', 'stopped', 'error', 'deleting'])(
    'an agent that is %s',
    async (state) => {
      const id = await agent.agentOf(agent.owner, state)
      const answer = await agent.owner.get(`/api/agents/${id}/invoke/`)
      expect([answer.status, answer.body.code, answer.body.stateReason]).toEqual([
        409,
        'agent-not-running',
        'set by the test',
      ])
    },
  )

  test('an agent the gateway does not know yet, and one that does not listen', async () => {
    const id = await agent.agentOf(agent.owner, 'running')
    expect((await agent.owner.get(`/api/agents/${id}/invoke/`)).body.code).toBe('agent-not-routed')
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    await once(closed, 'close')
    await agent.route(agent.agentId, agent.owner, port)
    expect((await agent.owner.get(agent.path('/'))).body).toMatchObject({
      status: 502,
      code: 'agent-unreachable',
    })
    await agent.route(agent.agentId, agent.owner, agent.programPort)
  })

  test('somebody else’s agent, and nobody’s, alike', async () => {
    const bob = await api.signUp()
    const foreign = await bob.get(agent.path('/'))
    const absent = await bob.get('/api/agents/00000000-0000-4000-8000-000000000000/invoke/')
    expect([foreign.status, absent.status]).toEqual([404, 404])
    expect({ ...foreign.body, correlationId: '' }).toEqual({ ...absent.body, correlationId: '' })
    expect((await api.anonymous.get(agent.path('/'))).status).toBe(401)
    expect((await agent.owner.get('/api/agents/not-an-id/invoke/')).status).toBe(400)
  })

  test('a path that leaves the agent’s own', async () => {
    for (const path of ['/a/%2e%2e/b', '/a%5cb', '/%252e%252e/x']) {
      const call = request(`${api.url}/`, {
        path: agent.path(path),
        headers: { authorization: `Bearer ${agent.owner.accessToken}` },
      }).end()
      const [answer] = (await once(call, 'response')) as [IncomingMessage]
      expect(answer.statusCode, path).toBe(400)
      answer.resume()
    }
  })
})

test('a capability that the gateway does not take is a fault of ours, audited once in a while', async () => {
  const stranger = await startApi(database, redis, {
    deps: { capabilitySeed: randomBytes(32) },
    config: { jwtSecrets: api.deps.config.jwtSecrets },
  })
  try {
    const call = () =>
      fetch(`${stranger.url}${agent.path('/x')}`, {
        headers: { authorization: `Bearer ${agent.owner.accessToken}` },
        signal: AbortSignal.timeout(60_000),
      })
    expect([(await call()).status, (await call()).status]).toEqual([503, 503])
    const rows = await waitUntil('it is audited', async () => {
      const found = await database.asSuperuser(
        `select target_kind, details from nora.audit_log where event_type = 'CAPABILITY_REFUSED'`,
      )
      return found.length > 0 ? found : undefined
    })
    expect(rows).toEqual([{ target_kind: 'gateway', details: { audience: 'gateway' } }])
  } finally {
    await stranger.close()
  }
})
