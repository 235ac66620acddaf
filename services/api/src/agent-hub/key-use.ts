import { type HubActor, refusalOf, withActor } from '@nora/db/actor'
import { touchApiKey } from '@nora/db/api-keys'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../deps.ts'

const everyMs = 60_000
const mostRemembered = 10_000

/** Writes when keys were last used: beside the answer, which does not wait for it, at most once a minute for each. */
export function keyUse(app: FastifyInstance, deps: Deps) {
  const written = new Map<string, number>()
  const open = new Set<Promise<void>>()
  app.addHook('onClose', async () => {
    await Promise.all(open)
  })
  return {
    seen(actor: HubActor, apiKeyId: string): void {
      const now = deps.clock()
      if (now - (written.get(apiKeyId) ?? Number.NEGATIVE_INFINITY) < everyMs) return
      written.delete(apiKeyId)
      written.set(apiKeyId, now)
      if (written.size > mostRemembered) written.delete(written.keys().next().value!)
      const writing: Promise<void> = withActor(deps.db, actor, touchApiKey)
        .catch((error: unknown) => {
          // Revoked in this very moment is no fault; anything else is tried again with the next call.
          written.delete(apiKeyId)
          if (!refusalOf(error)) deps.log.warn({ err: error, apiKeyId }, 'the use of a key was not written')
        })
        .finally(() => open.delete(writing))
      open.add(writing)
    },
  }
}
