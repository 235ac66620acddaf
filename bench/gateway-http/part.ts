import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import replyFrom from '@fastify/reply-from'
import { startGateway } from '@nora/gateway/gateway'
import fastify from 'fastify'

// One process of the bench: the agent, the gateway in front of it, or the yardstick in front of it. It tells its ports,
// and on every message the CPU it has used so far, in microseconds.

const streamBytes = 100 * 1024 * 1024
const small = JSON.stringify({
  object: 'chat.completion',
  choices: [{ message: { content: 'x'.repeat(120) } }],
})

/** Answers `GET /small` with 200 bytes of JSON, `GET /stream` with 100 MB, and any POST with what it was sent. */
async function agent(): Promise<object> {
  const chunk = Buffer.alloc(64 * 1024, 7)
  const server = createServer((req, res) => {
    if (req.method === 'POST') {
      const chunks: Buffer[] = []
      req.on('data', (part: Buffer) => chunks.push(part))
      req.on('end', () => {
        const body = Buffer.concat(chunks)
        res
          .writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length })
          .end(body)
      })
    } else if (req.url?.endsWith('/stream')) {
      res.writeHead(200, { 'content-length': streamBytes })
      let left = streamBytes
      const more = () => {
        while (left > 0) {
          left -= chunk.length
          if (!res.write(chunk)) return void res.once('drain', more)
        }
        res.end()
      }
      more()
    } else {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': small.length }).end(small)
    }
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port }
}

/** The gateway itself, allowed to dial loopback, where the bench's agent is. */
async function gateway(capabilityKey: string, controlKey: string): Promise<object> {
  const { invokePort: port, controlPort } = await startGateway({
    controlAddress: '127.0.0.1',
    controlPort: 0,
    invokePort: 0,
    capabilityKey: Buffer.from(capabilityKey, 'hex'),
    controlKey: Buffer.from(controlKey, 'hex'),
    allow: (ip) => (ip === '127.0.0.1' ? null : 'not loopback'),
    acceptPeer: () => true,
    log: () => undefined,
  })
  return { port, controlPort }
}

/** A Fastify app that passes everything on with @fastify/reply-from, as its documentation shows it. */
async function yardstick(upstream: string): Promise<object> {
  const app = fastify({ logger: false, bodyLimit: 1024 * 1024 * 1024 })
  await app.register(replyFrom, { base: upstream })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, body, done) => done(null, body))
  app.all('/*', (request, reply) => reply.from(request.url))
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { port: (app.server.address() as AddressInfo).port }
}

const [kind, ...args] = process.argv.slice(2) as [string, string, string]
const ports =
  kind === 'agent' ? await agent() : kind === 'gateway' ? await gateway(...args) : await yardstick(args[0])
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuUs: user + system })
})
process.on('disconnect', () => process.exit(0))
process.send?.(ports)
