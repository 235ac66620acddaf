import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installBodyDeadline } from './body-deadline.ts'

/** A server with these deadlines, from `beforeAll` to `afterAll`; gives the beginning of a POST to it. */
function serving(deadlines: { bodyMs: number; restMs: number }) {
  const app = fastify({ logger: false })
  beforeAll(async () => {
    installBodyDeadline(app, deadlines)
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
  })
  afterAll(() => app.close())
  return (path: string) =>
    request({
      ...{ port: (app.server.address() as AddressInfo).port, path, method: 'POST', agent: false },
      headers: { 'content-type': 'application/json', 'content-length': '4' },
    })
}
const strict = serving({ bodyMs: 200, restMs: 200 })
const patient = serving({ bodyMs: 3_600_000, restMs: 3_600_000 })

/** A body that never ends; gives how its connection did. */
async function cutOff(): Promise<string | undefined> {
  const call = strict('/read')
  call.write('1')
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => call.once('error', resolve))
  return error.code
}

test('a body that does not come ends its connection', async () => {
  expect(await cutOff()).toBe('ECONNRESET')
})

test('a body in time is answered', async () => {
  const call = patient('/read').end('1234')
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  answer.resume()
})

test('what is read as it comes may take its time', async () => {
  const call = strict('/raw')
  call.write('12')
  await once(call, 'socket')
  // Two that came after it and are cut off, one after the other: its own deadline, if it had one, is over too.
  expect([await cutOff(), await cutOff()]).toEqual(['ECONNRESET', 'ECONNRESET'])
  call.end('34')
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  expect(answer.statusCode).toBe(200)
  expect(String(await answer.toArray())).toBe('4')
})
