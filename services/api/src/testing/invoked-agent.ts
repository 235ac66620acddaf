import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { capabilityPublicKey, hashBody, signCapability } from '@nora/crypto/capability'
import { type Gateway, startGateway } from '@nora/gateway/gateway'
import type { TestDatabase } from '@nora/testing/postgres'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Client } from './client.ts'
import type { TestApi } from './test-api.ts'

/** A real gateway with one route, and a program of the test's behind it that stands for the agent. */
export type InvokedAgent = {
  owner: Client
  agentId: string
  /** What the program answers with. */
  handle: RequestListener
  programPort: number
  /** The path of a call to the agent. */
  path: (rest: string) => string
  /** Another agent, in that state, hung on the same gateway but not routed. */
  agentOf: (who: Client, state: string) => Promise<string>
  /** Puts an agent in that state and hangs it on the gateway. */
  hang: (agentId: string, state: string) => Promise<void>
  /** Makes this the gateway's only route; the agent is in that workspace, or in the person's own. */
  route: (agentId: string, who: Client, port: number, workspaceId?: string) => Promise<void>
}

export function invokedAgent(database: TestDatabase, api: TestApi): InvokedAgent {
  const self = {} as InvokedAgent
  self.handle = (_request, response) => response.end()
  const controlSeed = Buffer.alloc(32, 9)
  const program = createServer((request, response) => self.handle(request, response))
  let gateway: Gateway
  let revision = 0

  self.path = (rest) => `/api/agents/${self.agentId}/invoke${rest}`

  self.agentOf = async (who, state) => {
    const made = await who.post('/api/agents', { name: 'a', runtime: 'starter' })
    expect(made.status, made.text).toBe(202)
    await self.hang(made.body.id, state)
    return made.body.id
  }

  self.hang = async (agentId, state) => {
    const url = `http://127.0.0.1:${gateway.invokePort}`
    await database.asSuperuser(
      `with g as (insert into nora.gateways (index, invoke_url) values (0, $3)
         on conflict (index) do update set invoke_url = $3 returning id)
       update nora.agents set state = $2, state_reason = 'set by the test', gateway_id = (select id from g) where id = $1`,
      [agentId, state, url],
    )
  }

  self.route = async (agentId, who, port, given) => {
    const workspaceId = given ?? (await who.get('/api/auth/me')).body.personalWorkspaceId
    const only = { agentId, workspaceId, containerId: 'a'.repeat(64), ip: '127.0.0.1', port }
    const body = JSON.stringify({ revision: ++revision, routes: [only] })
    const iat = Math.floor(Date.now() / 1000)
    const claims = { aud: 'gateway-control', op: 'PUT /routes', sub: 'test', iat, exp: iat + 30 } as const
    const answer = await fetch(`http://127.0.0.1:${gateway.controlPort}/routes`, {
      method: 'PUT',
      body,
      headers: {
        'x-nora-capability': signCapability(controlSeed, { ...claims, bodySha256: hashBody(body) }),
      },
    })
    expect(answer.status).toBe(204)
  }

  beforeAll(async () => {
    program.listen(0, '127.0.0.1')
    await once(program, 'listening')
    self.programPort = (program.address() as AddressInfo).port
    gateway = await startGateway({
      controlAddress: '127.0.0.1',
      controlPort: 0,
      invokePort: 0,
      capabilityKey: capabilityPublicKey(api.deps.capabilitySeed),
      controlKey: capabilityPublicKey(controlSeed),
      allow: (ip) => (ip === '127.0.0.1' ? null : 'not in this test'),
      acceptPeer: () => true,
      log: () => undefined,
    })
    self.owner = await api.signUp()
    self.agentId = await self.agentOf(self.owner, 'running')
    await self.route(self.agentId, self.owner, self.programPort)
  })
  afterAll(async () => {
    await gateway?.stop(100)
    program.closeAllConnections()
    program.close()
  })
  return self
}
