import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installBodyDeadline } from './body-deadline.ts'

const app = fastify({ logger: false })
let port: number
beforeAll(async () => {
  installBodyDeadline(app, { bodyMs: 100, restMs: 100 })
  app.post('/read', async () => 'ok')
  await app.register(async (raw) => {
    raw.removeAllContentTypeParsers()
    raw.addContentTypeParser('*', (_request, _body, done) => done(null, undefined))
    raw.post('/raw', { config: { rawBody: true } }, async (incoming) => {
      let size = 0
      for await (const chunk of incoming.raw) size += (chunk as Buffer).length
      return String(size)
    })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  port = (app.server.address() as AddressInfo).port
})
afterAll(() => app.close())

const post = (path: string) =>
  request({
    ...{ port, path, method: 'POST' },
    headers: { 'content-type': 'application/json', 'content-length': '4' },
  })

test('a body that does not come ends its connection', async () => {
  const call = post('/read')
  call.write('1')
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => call.once('error', resolve))
  expect(error.code).toBe('ECONNRESET')
})

test('a body in time is answered', async () => {
  const call = post('/read').end('1234')
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  answer.resume()
})

test('what is read as it comes may take its time', async () => {
  const call = post('/raw')
  call.write('12')
  const late = setTimeout(() => call.end('34'), 300)
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  clearTimeout(late)
  expect(answer.statusCode).toBe(200)
  answer.resume()
})
