import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'

export type BodyDeadlines = {
  /** How long a caller may take to send the body of a call that is ours to read. */
  bodyMs: number
  /** How long the rest of a body may take that nobody waits for: the call is answered. */
  restMs: number
}

/**
 * Ends a connection whose body does not arrive in time, whether anybody reads it or it is only thrown away, so that slow
 * senders cannot hold connections. Node's own deadline is one for all routes and has to bear uploads to agents, which are
 * read as they come.
 */
export function installBodyDeadline(app: FastifyInstance, { bodyMs, restMs }: BodyDeadlines): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (announcesBody(request.raw) && !request.routeOptions.config.rawBody) expectEnd(request.raw, bodyMs)
    done()
  })
  app.addHook('onResponse', ({ raw }, _reply, done) => {
    if (announcesBody(raw) && !raw.complete) expectEnd(raw, restMs)
    done()
  })
}

function expectEnd(request: IncomingMessage, deadlineMs: number): void {
  if (request.complete) return
  const late = setTimeout(() => request.destroy(), deadlineMs)
  const clear = () => clearTimeout(late)
  request.once('end', clear)
  request.once('close', clear)
}

/** A request has a body exactly when one of these fields is there (RFC 9112 6.3); Node reads it so, too. */
const announcesBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
