import type { FastifyInstance, FastifyRequest } from 'fastify'

/** How long a caller may take to send the body of a call that is ours to read. */
const bodyDeadlineMs = 30_000

/**
 * Ends a connection whose body does not arrive in time, so that slow senders cannot hold requests open. Node's own
 * deadline is one for all routes and has to bear uploads to agents, which are read as they come.
 */
export function installBodyDeadline(app: FastifyInstance, deadlineMs = bodyDeadlineMs): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>()
  const clear = (request: FastifyRequest) => clearTimeout(timers.get(request))
  app.addHook('preParsing', (request, _reply, payload, done) => {
    if (!request.routeOptions.config.rawBody && announcesBody(request)) {
      timers.set(
        request,
        setTimeout(() => request.raw.destroy(), deadlineMs),
      )
    }
    done(null, payload)
  })
  app.addHook('preValidation', (request, _reply, done) => {
    clear(request)
    done()
  })
  app.addHook('onError', (request, _reply, _error, done) => {
    clear(request)
    done()
  })
  app.addHook('onResponse', (request, _reply, done) => {
    clear(request)
    done()
  })
  app.addHook('onRequestAbort', (request, done) => {
    clear(request)
    done()
  })
}

/** A request has a body exactly when one of these fields is there (RFC 9112 6.3); Node reads it so, too. */
const announcesBody = ({ headers }: FastifyRequest): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
