import { request } from 'node:http'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import {
  agentId,
  type Echo,
  echo,
  gateway,
  invokeToken,
  listen,
  plainRequest,
} from './testing/gateway-fixture.ts'

const codeOf = async (res: Response) => [res.status, ((await res.json()) as { code: string }).code]

test("passes a request and its answer, without anyone's credentials", async () => {
  const agent = await echo()
  const it = await gateway()
  expect((await it.push(it.route(agent.port))).status).toBe(204)
  const res = await plainRequest(it.invokePort, {
    method: 'POST',
    path: `/agents/${agentId}/v1/x?y=1`,
    body: '{"a":1}',
    headers: {
      'x-nora-capability': invokeToken('POST /v1/x?y=1'),
      'content-type': 'application/json',
      'content-length': '7',
      'x-correlation-id': 'c1',
      authorization: 'Bearer secret',
      cookie: 'at=secret',
      'x-csrf-token': 'secret',
      'x-nora-workspace': 'secret',
      'x-forwarded-for': '1.2.3.4',
      forwarded: 'for=1.2.3.4',
      connection: 'keep-alive, x-private',
      'x-private': 'secret',
      'x-kept': 'yes',
    },
  })
  const seen = JSON.parse(res.body) as Echo
  expect(seen).toMatchObject({ method: 'POST', url: '/v1/x?y=1', body: '{"a":1}' })
  expect(Object.keys(seen.headers).sort()).toEqual(
    ['connection', 'content-length', 'content-type', 'host', 'x-correlation-id', 'x-kept'].sort(),
  )
  expect(seen.headers['host']).toBe(`127.0.0.1:${agent.port}`)
})

test("events come through one by one, and a caller that leaves ends the agent's work", async () => {
  let left = () => {}
  const gone = new Promise<void>((resolve) => {
    left = resolve
  })
  let next = () => {}
  const agent = await listen((_req, res) => {
    res.on('close', left)
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.flushHeaders()
    next = () => void res.write('data: x\n\n')
  })
  const it = await gateway()
  await it.push(it.route(agent.port))
  const leave = new AbortController()
  const res = await it.invoke('/events', { signal: leave.signal })
  const reader = res.body!.getReader()
  for (let i = 0; i < 3; i++) {
    next()
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('data: x\n\n')
  }
  leave.abort()
  await gone
})

test("neither side's reader is outrun: what is not read is not taken in", async () => {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  let written = 0
  const agent = await listen((_req, res) => {
    const write = () => {
      while (written < 200 * 1024 * 1024) {
        written += chunk.length
        if (!res.write(chunk)) return
      }
    }
    res.on('drain', write)
    write()
  })
  const takes = await listen(() => {}) // reads nothing of the body
  const it = await gateway()
  const stalled = async (progress: () => number) => {
    let before = -1
    const same = () => {
      const unchanged = before === progress()
      before = progress()
      return unchanged
    }
    await expect.poll(same, { interval: 300, timeout: 60_000 }).toBe(true)
    return before
  }
  await it.push(it.route(agent.port))
  const res = await it.invoke('/')
  expect(await stalled(() => written)).toBeLessThan(24 * 1024 * 1024)
  await res.body!.cancel()

  await it.push(it.route(takes.port))
  let sent = 0
  const upload = request(`${it.url}/`, {
    method: 'POST',
    headers: { 'x-nora-capability': invokeToken('POST /') },
  })
  upload.on('error', () => {}) // we leave in the middle
  const send = () => {
    while (sent < 200 * 1024 * 1024) {
      sent += chunk.length
      if (!upload.write(chunk)) return
    }
  }
  upload.on('drain', send)
  send()
  expect(await stalled(() => sent)).toBeLessThan(24 * 1024 * 1024)
  upload.destroy()
})

test('connections are pooled, and end when the container changes or the route goes', async () => {
  const first = await listen((_req, res) => res.end('first'))
  const it = await gateway()
  await it.push(it.route(first.port))
  for (let i = 0; i < 20; i++) expect(await (await it.invoke('/')).text()).toBe('first')
  // One; an idle one is given up when this process stands still between two of them.
  const before = first.connections()
  expect(before).toBeLessThan(10)
  const open = () => new Promise<number>((resolve) => first.server.getConnections((_, n) => resolve(n)))
  expect(await open()).toBeLessThanOrEqual(1)
  await it.push(it.route(first.port, { containerId: 'd'.repeat(64) }))
  await expect.poll(open, { timeout: 60_000, interval: 5 }).toBe(0)
  expect(await (await it.invoke('/')).text()).toBe('first')
  expect(first.connections()).toBe(before + 1)
  await it.push()
  expect(await codeOf(await it.invoke('/'))).toEqual([404, 'agent-not-routed'])
})

test('an exchange under way is cut when its route goes', async () => {
  const agent = await listen((_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write('data: x\n\n')
  })
  const it = await gateway()
  await it.push(it.route(agent.port))
  const res = await it.invoke('/events')
  await it.push()
  await expect(res.text()).rejects.toThrow()
})

test('deadlines answer 504, a dead agent 502', async () => {
  const silent = await listen(() => {})
  const it = await gateway({ headersMs: 100, idleMs: 2_000 })
  await it.push(it.route(silent.port))
  expect(await codeOf(await it.invoke('/'))).toEqual([504, 'agent-timeout'])
  expect(await codeOf(await it.invoke('/', { method: 'POST', body: 'x' }))).toEqual([504, 'agent-timeout'])
  const patient = await gateway()
  await patient.push(patient.route(1))
  expect(await codeOf(await patient.invoke('/'))).toEqual([502, 'agent-unreachable'])
  const stalls = await listen((_req, res) => {
    res.writeHead(200, { 'content-length': '10' }).write('x')
  })
  const quick = await gateway({ idleMs: 1_500 })
  await quick.push(quick.route(stalls.port))
  // Asked again when this process stood still for so long that the call was over before its answer began.
  const begun = await waitUntil('an answer that has begun', async () => {
    const res = await quick.invoke('/')
    if (res.status !== 200) expect(await codeOf(res)).toEqual([504, 'agent-timeout'])
    return res.status === 200 ? res : undefined
  })
  await expect(begun.text()).rejects.toThrow()
})

test('an agent that thinks longer than idle connections are kept is waited for', async () => {
  const slow = await listen((_req, res) => void setTimeout(() => res.end('done'), 2_000))
  const it = await gateway()
  await it.push(it.route(slow.port))
  expect(await (await it.invoke('/')).text()).toBe('done')
})
