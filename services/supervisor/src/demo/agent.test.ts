import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ask } from './agent.ts'
import { apiClient } from './client.ts'

let server: Server
afterEach(() => new Promise((resolve) => server.close(resolve)))

const never = new AbortController().signal

/** A server that writes these pieces one flush each: where they are cut is the test's matter. */
async function streaming(status: number, pieces: string[]) {
  server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'text/event-stream', connection: 'close' })
    const next = () => {
      const piece = pieces.shift()
      if (piece === undefined) response.end()
      else response.write(piece, () => setImmediate(next))
    }
    next()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return apiClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, never)
}

const event = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

test('puts an answer together, wherever the network cuts it', async () => {
  const whole = `${event('Grüß ')}: a comment\n\n${event('dich')}data: [DONE]\n\n`
  const bytes = [whole.slice(0, 7), whole.slice(7, 45), whole.slice(45)]
  const said: string[] = []
  const answer = await ask(await streaming(200, bytes), 'a', { model: 'm', text: 'q' }, (piece) =>
    said.push(piece),
  )
  expect(answer).toBe('Grüß dich')
  expect(said).toEqual(['Grüß ', 'dich'])
})

test('says what the agent said when it refuses', async () => {
  const api = await streaming(502, ['{"code":"agent-unreachable"}'])
  await expect(ask(api, 'a', { model: 'm', text: 'q' }, () => undefined)).rejects.toThrow(
    'the agent answered 502: {"code":"agent-unreachable"}',
  )
})
