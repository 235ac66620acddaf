import { once } from 'node:events'
import { createServer } from 'node:net'
import { Readable } from 'node:stream'
import { hashRequest } from '@nora/crypto/capability'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, onTestFinished, test } from 'vitest'
import {
  agentId,
  echo,
  gateway,
  invokeToken,
  listen,
  raw,
  token,
  workspaceId,
} from './testing/gateway-fixture.ts'

const codeOf = async (res: Response) => [res.status, ((await res.json()) as { code: string }).code]

test("an agent's answer has no say over the origin it travels under", async () => {
  const agent = await listen((_req, res) => {
    res.setHeader('set-cookie', ['a=b; Domain=x', 'c=d'])
    for (const name of [
      'clear-site-data',
      'strict-transport-security',
      'service-worker-allowed',
      'alt-svc',
      'refresh',
      'access-control-allow-origin',
      'access-control-allow-credentials',
      'x-nora-gateway',
      'www-authenticate',
      'x-hop',
    ])
      res.setHeader(name, 'hostile')
    res.setHeader('content-security-policy', 'default-src *')
    res.setHeader('connection', 'x-hop')
    res.setHeader('content-type', 'text/html')
    res.end('<script>1</script>')
  })
  const it = await gateway()
  await it.push(it.route(agent.port))
  const res = await it.invoke('/')
  expect(await res.text()).toBe('<script>1</script>')
  expect(JSON.stringify([...res.headers])).not.toContain('hostile')
  expect(res.headers.get('set-cookie')).toBeNull()
  expect(res.headers.get('content-security-policy')).toBe(
    "sandbox; default-src 'none'; frame-ancestors 'none'",
  )
  expect(res.headers.get('x-content-type-options')).toBe('nosniff')
})

test('redirects are passed back within the agent, never followed, never out', async () => {
  let asked = 0
  const agent = await listen((req, res) => {
    asked++
    const to = new URL(req.url ?? '', 'http://x').searchParams.get('to') ?? ''
    res.writeHead(302, { location: to }).end()
  })
  const it = await gateway()
  await it.push(it.route(agent.port))
  const to = async (location: string) =>
    (await it.invoke(`/a/b?to=${encodeURIComponent(location)}`)).headers.get('location')
  expect(await to('/login?x=1')).toBe(`/agents/${agentId}/login?x=1`)
  expect(await to(`http://127.0.0.1:${agent.port}/y`)).toBe(`/agents/${agentId}/y`)
  expect(await to('../z')).toBe(`/agents/${agentId}/z`)
  for (const out of [
    'http://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    'javascript:alert(1)',
    'http://169.254.169.254/',
  ]) {
    expect(await to(out)).toBeNull()
  }
  expect(asked).toBe(8)
})

test('no call without a capability for exactly this agent and workspace', async () => {
  const agent = await echo()
  const it = await gateway()
  await it.push(it.route(agent.port))
  const other = '00000000-0000-4000-8000-000000000000'
  const past = Math.floor(Date.now() / 1000) - 60
  const request = hashRequest('GET', `/agents/${agentId}/`)
  const bad = [
    '',
    'v1.x.y',
    token('gateway', 'invoke', { workspace: workspaceId, request }),
    token('gateway', 'invoke', { agent: agentId, request }),
    token('gateway', 'exec', { agent: agentId, workspace: workspaceId, request }),
    token('worker', 'invoke', { agent: agentId, workspace: workspaceId, request }, Buffer.alloc(32, 7)),
    token('gateway', 'invoke', { agent: agentId, workspace: workspaceId, request }, Buffer.alloc(32, 9)),
    token('gateway', 'invoke', { agent: agentId, workspace: workspaceId }),
    invokeToken('GET /', { agent: other }),
    invokeToken('GET /', { iat: past, exp: past + 30 }),
    invokeToken('DELETE /'),
    invokeToken('GET /?other'),
  ]
  for (const capability of bad) {
    const headers = { 'x-nora-capability': capability }
    expect(await codeOf(await it.invoke('/', { headers }))).toEqual([401, 'capability-invalid'])
  }
  const stranger = { headers: { 'x-nora-capability': invokeToken('GET /', { workspace: other }) } }
  expect(await codeOf(await it.invoke('/', stranger))).toEqual([404, 'agent-not-routed'])
  expect(agent.connections()).toBe(0)
})

test('a capability that was good once is good for its own call only, until it ends and while its agent is routed', async () => {
  const agent = await echo()
  const it = await gateway()
  await it.push(it.route(agent.port))
  const headers = { 'x-nora-capability': invokeToken('GET /') }
  expect((await it.invoke('/', { headers })).status).toBe(200)
  for (const [path, method] of [
    ['/', 'POST'],
    ['/other', 'GET'],
    ['/?a', 'GET'],
  ] as const) {
    const refused = await it.invoke(path, { method, headers })
    expect(await codeOf(refused)).toEqual([401, 'capability-invalid'])
  }
  await it.push()
  expect(await codeOf(await it.invoke('/', { headers }))).toEqual([404, 'agent-not-routed'])
  await it.push(it.route(agent.port, { workspaceId: '00000000-0000-4000-8000-000000000000' }))
  expect(await codeOf(await it.invoke('/', { headers }))).toEqual([404, 'agent-not-routed'])
  await it.push(it.route(agent.port))
  // Another one, that is good for ten seconds yet: five, and the five that clocks may differ.
  const now = Math.floor(Date.now() / 1000)
  const old = { headers: { 'x-nora-capability': invokeToken('GET /', { iat: now - 25, exp: now + 5 }) } }
  expect((await it.invoke('/', old)).status).toBe(200)
  await waitUntil('its end', async () => (await it.invoke('/', old)).status === 401)
})

test.each([
  ['HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', 'no-answer', 5_000],
  ['HTTP/1.1 103 Early Hints\r\n\r\n', 'timeout', 300],
  ['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf', 'timeout', 300],
])('a probe ends whatever it is answered: %j', async (answer, error, timeoutMs) => {
  const agent = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.write(answer))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void agent.close())
  await once(agent, 'listening')
  const it = await gateway()
  await it.push(it.route((agent.address() as { port: number }).port))
  const probe = await it.control('POST /probe', { agentId, path: '/healthz', timeoutMs })
  expect(await probe.json()).toEqual({ error })
})

test.each([
  ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!'],
  ['garbage\r\n\r\n'],
  ['HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'],
  [`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`],
  [''],
])('an answer that is not plain HTTP is 502', async (answer) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const it = await gateway()
  await it.push(it.route((server.address() as { port: number }).port))
  expect(await codeOf(await it.invoke('/'))).toEqual([502, 'agent-unreachable'])
})

test('ambiguous requests never reach the agent', async () => {
  const agent = await echo()
  const it = await gateway()
  await it.push(it.route(agent.port))
  const tokenFor = (first: string) =>
    invokeToken(first.replace(`/agents/${agentId}`, '').replace(/ HTTP\/1.1$/, ''))
  const head = (first: string, ...lines: string[]) =>
    [first, 'host: x', `x-nora-capability: ${tokenFor(first)}`, ...lines, '', ''].join('\r\n')
  const path = `/agents/${agentId}/x`
  const smuggled = `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`
  const bad = [
    `${head(`POST ${path} HTTP/1.1`, 'content-length: 4', 'transfer-encoding: chunked')}0\r\n\r\n${smuggled}`,
    `${head(`POST ${path} HTTP/1.1`, 'content-length: 4', 'content-length: 5')}xxxxx`,
    `${head(`POST ${path} HTTP/1.1`, 'transfer-encoding: xchunked')}0\r\n\r\n`,
    `${head(`POST ${path} HTTP/1.1`, 'transfer-encoding: gzip, chunked', 'connection: close')}0\r\n\r\n`,
    `${head(`POST ${path} HTTP/1.1`, 'content-length: +4')}xxxx`,
    head(`GET ${path} HTTP/1.0`, 'connection: close'),
    head(`GET ${path} HTTP/1.1`, 'host: y', 'connection: close'),
    head(`GET http://127.0.0.1:${agent.port}/x HTTP/1.1`, 'connection: close'),
    head(`GET //127.0.0.1:${agent.port}/x HTTP/1.1`, 'connection: close'),
    head(`GET /agents/${agentId}/../x HTTP/1.1`, 'connection: close'),
    head(`CONNECT 127.0.0.1:${agent.port} HTTP/1.1`),
    head(`TRACE ${path} HTTP/1.1`, 'connection: close'),
  ]
  for (const bytes of bad) {
    const answer = await raw(it.invokePort, bytes)
    expect(answer, bytes).toMatch(/^(?:HTTP\/1\.1 (?:400|405) |$)/)
    expect(answer.split('HTTP/1.1 ').length, bytes).toBeLessThanOrEqual(2)
  }
  expect(agent.connections()).toBe(0)
})

test('an upgrade is refused with a reason and closed', async () => {
  const it = await gateway()
  const upgrade = `GET /agents/${agentId}/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`
  for (const port of [it.invokePort, it.controlPort]) {
    const answer = await raw(port, upgrade)
    expect(answer).toMatch(/^HTTP\/1\.1 501 /)
    expect(answer).toContain('"code":"upgrade-unsupported"')
  }
})

test('too much is refused before it is passed on', async () => {
  const agent = await listen((req) => void req.resume())
  const it = await gateway({ bodyBytes: 1000 })
  await it.push(it.route(agent.port))
  expect(await codeOf(await it.invoke('/', { method: 'POST', body: 'x'.repeat(1001) }))).toEqual([
    413,
    'body-too-large',
  ])
  const stream = Readable.toWeb(
    Readable.from(['x'.repeat(600), 'x'.repeat(600)]),
  ) as ReadableStream<Uint8Array>
  const res = await it.invoke('/', { method: 'POST', body: stream, duplex: 'half' })
  expect(await codeOf(res)).toEqual([413, 'body-too-large'])
})
