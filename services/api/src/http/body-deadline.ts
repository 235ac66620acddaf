import type { FastifyInstance, FastifyRequest } from 'fastify'

/** How long a caller may take to send the body of a call that is ours to read. */
const bodyDeadlineMs = 30_000

/**
 * Ends a connection whose body does not arrive in time, so that slow senders cannot hold requests open. Node's own
 * deadline is one for all routes and has to bear uploads to agents, which are read as they come.
 */
export function installBodyDeadline(app: FastifyInstance, deadlineMs = bodyDeadlineMs): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>()
  const clear = async (request: FastifyRequest) => clearTimeout(timers.get(request))
  app.addHook('preParsing', async (request) => {
    if (request.routeOptions.config.rawBody) return
    timers.set(
      request,
      setTimeout(() => request.raw.destroy(), deadlineMs),
    )
  })
  app.addHook('preValidation', clear)
  app.addHook('onError', clear)
  app.addHook('onResponse', clear)
  app.addHook('onRequestAbort', clear)
}
