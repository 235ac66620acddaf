import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { bareHeaders } from './bare-headers.ts'
import { problemOf } from './problem.ts'

/**
 * `Expect: 100-continue` (RFC 9110 section 10.1.1): a caller that waits with its body is told to go on when the body is
 * about to be read, and not before it has been let in. Refused, it may send the body or not: that connection ends.
 * Any other expectation is 417.
 */
export function installExpectations(app: FastifyInstance): void {
  const waiting = new WeakSet<IncomingMessage>()
  app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    waiting.add(request)
    response.setHeader('connection', 'close')
    app.server.emit('request', request, response)
  })
  app.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    const headers = bareHeaders()
    const body = JSON.stringify(problemOf('expectation-failed', headers['x-correlation-id']))
    response.writeHead(417, {
      ...headers,
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    })
    response.end(body)
  })
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.headers.expect !== undefined && waiting.delete(request.raw)) {
      reply.raw.removeHeader('connection')
      reply.raw.writeContinue()
    }
    done(null, payload)
  })
}
