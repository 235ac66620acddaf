import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const agent = invokedAgent(database, api)

const textOf = async (message: IncomingMessage) => {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test('events arrive as they are sent, and a caller who leaves ends the agent’s work', async () => {
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
  const response = await fetch(`${api.url}${agent.path('/events')}`, {
    headers: { authorization: `Bearer ${agent.owner.accessToken}` },
    signal: leave.signal,
  })
  const reader = response.body!.getReader()
  const read = async () => Buffer.from((await reader.read()).value ?? []).toString()
  expect(await read()).toBe('data: 1\n\n')
  next!()
  expect(await read()).toBe('data: 2\n\n')
  leave.abort()
  await waitUntil('the agent to see it', () => ended)
})

test('a body goes on while it is still being sent', async () => {
  const seen: string[] = []
  agent.handle = (request, response) => {
    request.on('data', (chunk) => seen.push(String(chunk)))
    request.on('end', () => response.end('done'))
  }
  const call = request(`${api.url}${agent.path('/upload')}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${agent.owner.accessToken}`, 'content-type': 'application/x-anything' },
  })
  call.write('first')
  await waitUntil('the first part', () => seen.join('') === 'first')
  call.end('second')
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  expect([answer.statusCode, await textOf(answer), seen.join('')]).toEqual([200, 'done', 'firstsecond'])
})

test('32 MB in and out keep their bytes', async () => {
  agent.handle = (request, response) => void request.pipe(response)
  const body = Buffer.alloc(32 * 1024 * 1024, 'nora!')
  const response = await fetch(`${api.url}${agent.path('/echo')}`, {
    method: 'PUT',
    body,
    headers: { authorization: `Bearer ${agent.owner.accessToken}` },
  })
  expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
})

test('an answer that breaks off is broken off', async () => {
  agent.handle = (_request, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half')
    setImmediate(() => response.destroy())
  }
  await expect(agent.owner.get(agent.path('/half'))).rejects.toThrow()
})

test('signing out ends an open stream within five seconds', async () => {
  const carl = await api.signUp()
  const id = await agent.agentOf(carl, 'running')
  await agent.route(id, carl, agent.programPort)
  agent.handle = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: 1\n\n')
  }
  const response = await fetch(`${api.url}/api/agents/${id}/invoke/events`, {
    headers: { authorization: `Bearer ${carl.accessToken}` },
  })
  const reader = response.body!.getReader()
  await reader.read()
  expect((await carl.post('/api/auth/logout', {})).status).toBe(204)
  await withinFiveSeconds(database, expect(reader.read()).rejects.toThrow())
})

test('an agent that answers before it has read the body leaves the connection usable', async () => {
  await agent.route(agent.agentId, agent.owner, agent.programPort) // a push is the whole list: another test's took ours off
  agent.handle = (_request, response) => response.writeHead(403, { 'content-length': 2 }).end('no')
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
  let answers = ''
  socket.on('data', (data) => {
    answers += data
  })
  const body = Buffer.alloc(8_000_000)
  const caller = `host: localhost\r\nauthorization: Bearer ${agent.owner.accessToken}`
  socket.write(`POST ${agent.path('/x')} HTTP/1.1\r\n${caller}\r\ncontent-length: ${body.length}\r\n\r\n`)
  socket.write(body)
  socket.write(`GET /api/auth/me HTTP/1.1\r\n${caller}\r\n\r\n`)
  await waitUntil('both answers', () => answers.match(/HTTP\/1.1 \d+/g)?.length === 2)
  expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 200'])
  socket.destroy()
})
