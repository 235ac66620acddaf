import { changesBell, openBells } from '@nora/events/bells'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Deps } from '../deps.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The bells of what changed in a workspace, or of a person's account, by its id; see @nora/events/bells. */
    changes: {
      ring: (id: string) => void
      /** Gives the function that ends it. */
      listen: (id: string, onRing: () => void) => () => void
    }
  }
}

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Rings for the caller's workspace (or account, where the call is about that) after every call that may have changed something, once
 * its answer is on its way: nobody waits for a bell, and a route need not think of it. A call to an agent changes nothing of ours.
 */
export function installChanges(app: FastifyInstance, deps: Deps): void {
  const bells = openBells(deps.redis, (error) => deps.log.debug({ err: error }, 'a bell was lost'))
  const channelOf = (id: string) => changesBell(deps.queue.opts.prefix ?? 'bull', id)
  const ring = (id: string) => bells.ring(channelOf(id))
  app.decorate('changes', {
    ring,
    listen(id, onRing) {
      const listening = bells.listen(channelOf(id), onRing)
      return () => void listening.then((end) => end())
    },
  })
  app.addHook('onClose', async () => bells.close())
  const answered = async (request: FastifyRequest, reply: FastifyReply) => {
    if (reply.statusCode >= 400) return
    const { userId, workspaceId } = request.caller
    ring(request.routeOptions.config.access === 'session' ? userId : workspaceId)
  }
  app.addHook('onRoute', (route) => {
    if (mayChange(route)) route.onResponse = [route.onResponse ?? [], answered].flat()
  })
}

function mayChange({ method, url, config }: RouteOptions): boolean {
  const known =
    config?.access !== undefined && config.access !== 'public' && config.access !== 'platform-admin'
  return known && ![method].flat().every((one) => safeMethods.has(one)) && !url.includes('/invoke')
}
