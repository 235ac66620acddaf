import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import { afterEach, expect, test } from 'vitest'
import { type FetchOptions, fetchPublic } from './fetch-public.ts'

const servers: Server[] = []
const sockets = new Set<Socket>()
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

async function serving(handler: RequestListener): Promise<URL> {
  const server = createServer(handler)
  servers.push(server)
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/path?query=1`)
}

const options = (more: Partial<FetchOptions> = {}): FetchOptions => ({
  allowHosts: [parseAllowedHost('127.0.0.1')!],
  signal: AbortSignal.timeout(60_000),
  ...more,
})

test('sends what it is given and gives the answer', async () => {
  const seen: unknown[] = []
  const url = await serving((request, response) => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (text) => {
      body += text
    })
    request.on('end', () => {
      seen.push(request.method, request.url, request.headers['content-type'], request.headers.cookie, body)
      response.writeHead(201, { 'content-type': 'application/json', 'set-cookie': 'a=1' })
      response.end('{"a":"ü"}')
    })
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded', host: 'evil.test' }
  const answer = await fetchPublic(url, { method: 'POST', headers, body: 'x=ü' }, options())
  expect(seen).toEqual(['POST', '/path?query=1', 'application/x-www-form-urlencoded', undefined, 'x=ü'])
  expect([answer.status, answer.body.toString(), answer.headers['content-type']]).toEqual([
    201,
    '{"a":"ü"}',
    'application/json',
  ])
  expect(answer.headers).not.toHaveProperty('set-cookie')
})

test('follows no redirect', async () => {
  let calls = 0
  const url = await serving((_request, response) => {
    calls++
    response.writeHead(302, { location: '/elsewhere' }).end()
  })
  const answer = await fetchPublic(url, { method: 'GET' }, options())
  expect([answer.status, answer.headers['location'], calls]).toEqual([302, '/elsewhere', 1])
})

test('reads no more than it was told', async () => {
  const url = await serving((_request, response) => response.end('x'.repeat(5000)))
  const kept = await fetchPublic(url, { method: 'GET' }, options({ mostBytes: 5000 }))
  expect(kept.body.length).toBe(5000)
  const long = fetchPublic(url, { method: 'GET' }, options({ mostBytes: 4999 }))
  await expect(long).rejects.toMatchObject({ code: 'destination-unreachable' })
})

test.each([
  ['never answers', () => undefined],
  ['stops in the middle', (response: { write: (text: string) => void }) => response.write('half')],
])('gives up on a server that %s', async (_, answer) => {
  const url = await serving((_request, response) => void answer(response))
  const asked = fetchPublic(url, { method: 'GET' }, options({ signal: AbortSignal.timeout(200) }))
  await expect(asked).rejects.toThrow('it did not answer in time')
})

test('says when the connection breaks', async () => {
  const url = await serving((request) => request.socket.destroy())
  const asked = fetchPublic(url, { method: 'GET' }, options())
  await expect(asked).rejects.toThrow('the connection broke')
})

test('asks nobody at an address that is not public', async () => {
  const url = await serving((_request, response) => response.end('secret'))
  const asked = fetchPublic(url, { method: 'GET' }, options({ allowHosts: [] }))
  await expect(asked).rejects.toMatchObject({ code: 'destination-refused' })
})
