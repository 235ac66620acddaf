import { hashBody } from '@nora/crypto/capability'
import { expect, test } from 'vitest'
import { agentId, gateway, listen, token, workspaceId } from './testing/gateway-fixture.ts'

const codeOf = async (res: Response) => [res.status, ((await res.json()) as { code: string }).code]

test('routes: all or nothing, in order, and only by the worker', async () => {
  const it = await gateway()
  const route = it.route(8080)
  const { port: _gone, ...portless } = route
  const bad: unknown[] = [
    [{ ...route, ip: '169.254.169.254' }],
    [{ ...route, ip: '::ffff:127.0.0.1' }],
    [{ ...route, port: 0 }],
    [{ ...route, port: '80' }],
    [{ ...route, agentId: 'x' }],
    [{ ...route, containerId: 'short' }],
    [{ ...route, host: 'evil.example' }],
    [route, { ...route, agentId: workspaceId }],
    [portless],
    [null],
    {},
  ]
  for (const routes of bad) {
    expect(await codeOf(await it.control('PUT /routes', { revision: 5, routes }))).toEqual([
      422,
      'routes-invalid',
    ])
  }
  expect((await it.control('PUT /routes', 'nonsense')).status).toBe(422)
  expect((await it.control('PUT /routes', { revision: 5, routes: [route] })).status).toBe(204)
  expect((await it.control('PUT /routes', { revision: 5, routes: [route] })).status).toBe(204)
  expect(await codeOf(await it.control('PUT /routes', { revision: 4, routes: [] }))).toEqual([
    409,
    'routes-stale',
  ])
  const wrong = [
    token('gateway-control', 'PUT /routes', { bodySha256: hashBody('other') }),
    token('gateway-control', 'PUT /routes'),
    token('gateway-control', 'GET /status', { bodySha256: hashBody('{}') }),
    token('gateway', 'PUT /routes', { bodySha256: hashBody('{}') }),
    token('gateway-control', 'PUT /routes', { bodySha256: hashBody('{}') }, Buffer.alloc(32, 7)),
  ]
  for (const capability of wrong) {
    expect(await codeOf(await it.control('PUT /routes', '{}', capability))).toEqual([
      401,
      'capability-invalid',
    ])
  }
  expect((await it.control('PUT /routes', 'x'.repeat(1024 * 1024 + 1))).status).toBe(413)
  const status = await (await it.control('GET /status')).json()
  expect(status).toMatchObject({ bootId: it.bootId, revision: 5, routes: 1 })
})

test('a probe tells the status and what was said, or why there is nothing', async () => {
  const agent = await listen((req, res) => {
    if (req.url === '/hang') return
    res
      .writeHead(req.url === '/healthz' ? 200 : 503)
      .end(req.url === '/big' ? 'x'.repeat(100_000) : '{"status":"ok"}')
  })
  const it = await gateway()
  await it.push(it.route(agent.port))
  const ask = async (path: string, timeoutMs = 5_000, id = agentId) =>
    (await it.control('POST /probe', { agentId: id, path, timeoutMs })).json()
  expect(await ask('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok"}' })
  expect(await ask('/big')).toMatchObject({ status: 503, body: 'x'.repeat(4096) })
  expect(await ask('/hang', 100)).toEqual({ error: 'timeout' })
  expect(await ask('/healthz', 100, workspaceId)).toEqual({ error: 'agent-not-routed' })
  expect(await ask('/../x')).toMatchObject({ code: 'probe-invalid' })
  await it.push(it.route(1))
  expect(await ask('/healthz')).toEqual({ error: 'ECONNREFUSED' })
})

test('reaching tells what a dial from here meets, for the worker alone and for plain addresses alone', async () => {
  const agent = await listen((_, res) => res.end())
  const it = await gateway()
  const ask = async (targets: unknown, timeoutMs: unknown = 5_000) => {
    const res = await it.control('POST /reach', { targets, timeoutMs })
    return [res.status, await res.json()] as const
  }
  const open = { address: '127.0.0.1', port: agent.port }
  const refused = { address: '127.0.0.1', port: 1 }
  expect(await ask([open, refused])).toEqual([
    200,
    [
      { ...open, outcome: 'open' },
      { ...refused, outcome: 'ECONNREFUSED' },
    ],
  ])
  const malformed = [[], [null], [{ address: 'localhost', port: 1 }], [{ address: '::1', port: 1 }]]
  for (const targets of [...malformed, [{ ...open, port: 0 }], Array(33).fill(open), 'x'])
    expect(await ask(targets)).toMatchObject([400, { code: 'reach-invalid' }])
  for (const timeoutMs of [0, 5_001, '1', null]) expect((await ask([open], timeoutMs))[0]).toBe(400)
  const body = JSON.stringify({ targets: [open], timeoutMs: 500 })
  const other = token('gateway-control', 'POST /probe', { bodySha256: hashBody(body) })
  expect((await it.control('POST /reach', body, other)).status).toBe(401)
})
