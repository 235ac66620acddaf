import { type HubActor, refusalOf, withActor } from '@nora/db/actor'
import { reportRefusedKey, touchApiKey } from '@nora/db/api-keys'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../deps.ts'

const everyMs = 60_000
const mostRemembered = 10_000
const reported = new Set(['api-key-expired', 'ip-not-allowed', 'wrong-workspace'])

/**
 * Writes when keys were last used, and audits keys that are ones and were refused: beside the answer, which does not wait for it, at
 * most once a minute for each.
 */
export function keyUse(app: FastifyInstance, deps: Deps) {
  const written = new Map<string, number>()
  const open = new Set<Promise<void>>()
  app.addHook('onClose', async () => {
    await Promise.all(open)
  })

  function seldom(name: string, write: () => Promise<void>): void {
    const now = deps.clock()
    if (now - (written.get(name) ?? Number.NEGATIVE_INFINITY) < everyMs) return
    written.delete(name)
    written.set(name, now)
    if (written.size > mostRemembered) written.delete(written.keys().next().value!)
    const writing: Promise<void> = write()
      .catch((error: unknown) => {
        // Revoked in this very moment is no fault; anything else is tried again with the next call.
        written.delete(name)
        if (!refusalOf(error)) deps.log.warn({ err: error }, 'the use of a key was not written')
      })
      .finally(() => open.delete(writing))
    open.add(writing)
  }

  return {
    seen: (actor: HubActor, apiKeyId: string): void =>
      seldom(apiKeyId, () => withActor(deps.db, actor, touchApiKey)),
    refused(actor: HubActor, reason: string | undefined, correlationId: string): void {
      if (reason === undefined || !reported.has(reason)) return
      // By the proof: whoever has only the key's prefix, which is no secret, must not keep its row from being written.
      const name = `${reason} ${actor.proof.toString('base64')}`
      seldom(name, () => reportRefusedKey(deps.db, actor, reason, correlationId))
    },
  }
}
