import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import {
  type Audience,
  capabilityPublicKey,
  hashBody,
  hashRequest,
  signCapability,
} from '@nora/crypto/capability'
import { onTestFinished } from 'vitest'
import { type GatewayOptions, startGateway } from '../gateway.ts'

const apiSeed = Buffer.alloc(32, 7)
const workerSeed = Buffer.alloc(32, 8)

export const agentId = randomUUID()
export const workspaceId = randomUUID()
export const containerId = 'c'.repeat(64)

export function token(audience: Audience, op: string, more: object = {}, seed?: Buffer): string {
  const iat = Math.floor(Date.now() / 1000)
  const claims = { aud: audience, op, sub: 'test', iat, exp: iat + 30, ...more }
  return signCapability(seed ?? (audience === 'gateway' ? apiSeed : workerSeed), claims)
}

/** A capability for one request to the agent, `GET /` for instance: all that a caller needs. */
export function invokeToken(request: string, more: object = {}): string {
  const [method = '', path = ''] = request.split(' ')
  const bound = hashRequest(method, `/agents/${agentId}${path}`)
  return token('gateway', 'invoke', { agent: agentId, workspace: workspaceId, request: bound, ...more })
}

/** An agent on loopback; gives its port and how many connections it has taken. */
export async function listen(handler: RequestListener) {
  const server = createServer(handler)
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, server, connections: () => connections }
}

export type Echo = { method: string; url: string; headers: Record<string, string>; body: string }

/** An agent that answers with what it was sent. */
export const echo = () =>
  listen(async (req, res) => {
    let body = ''
    for await (const chunk of req) body += chunk
    res.end(JSON.stringify({ method: req.method, url: req.url, headers: req.headers, body }))
  })

/** A gateway on loopback which may dial 127.0.0.1, and only that. */
export async function gateway(limits: GatewayOptions['limits'] = {}, doors: GatewayOptions['doors'] = {}) {
  const lines: string[] = []
  const running = await startGateway({
    controlAddress: '127.0.0.1',
    controlPort: 0,
    invokePort: 0,
    capabilityKey: capabilityPublicKey(apiSeed),
    controlKey: capabilityPublicKey(workerSeed),
    allow: (ip) => (ip === '127.0.0.1' ? null : 'not loopback'),
    acceptPeer: () => true,
    log: (_level, msg, fields) => void lines.push(`${msg} ${JSON.stringify(fields)}`),
    limits,
    doors,
  })
  onTestFinished(() => running.stop(0))
  const control = (op: string, body?: unknown, capability?: string) => {
    const [method = '', path = ''] = op.split(' ')
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    const headers = {
      'x-nora-capability': capability ?? token('gateway-control', op, { bodySha256: hashBody(text) }),
    }
    return fetch(`http://127.0.0.1:${running.controlPort}${path}`, {
      method,
      headers,
      ...(text && { body: text }),
    })
  }
  const route = (port: number, more: object = {}) => ({
    agentId,
    workspaceId,
    containerId,
    ip: '127.0.0.1',
    port,
    ...more,
  })
  let revision = 0
  const push = (...routes: unknown[]) => control('PUT /routes', { revision: ++revision, routes })
  const url = `http://127.0.0.1:${running.invokePort}/agents/${agentId}`
  const invoke = (path: string, init: RequestInit & { duplex?: 'half' } = {}) => {
    const { pathname, search } = new URL(url + path)
    const sent = `${init.method ?? 'GET'} ${pathname.slice(`/agents/${agentId}`.length)}${search}`
    const headers = { 'x-nora-capability': invokeToken(sent), ...init.headers }
    return fetch(url + path, { redirect: 'manual', ...init, headers })
  }
  return { ...running, lines, control, route, push, invoke, url }
}

/** Sends bytes as they are and gives everything that comes back until the other side closes. */
export function raw(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
    socket.setTimeout(60_000, () => socket.destroy())
  })
}

/** Like fetch for what fetch does not let through: header names a browser forbids, raw paths. */
export function plainRequest(
  port: number,
  options: { method?: string; path: string; headers?: Record<string, string | string[]>; body?: string },
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: string }> {
  return new Promise((resolve, reject) => {
    const { body, ...rest } = options
    const call = request({ host: '127.0.0.1', port, agent: false, ...rest }, async (res) => {
      let text = ''
      for await (const chunk of res) text += chunk
      resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text })
    })
    call.on('error', reject)
    call.end(body)
  })
}
