import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  type CreateProviderKey,
  ForceQuery,
  type ProviderKey,
  type ReplaceProviderKey,
  type UpdateProviderKey,
} from '@nora/contract/provider-keys'
import { requireRecentProof } from '@nora/db/sessions'
import type { Deps } from '../deps.ts'
import { sendOutcome } from '../http/idempotency.ts'
import { createKey } from './create-key.ts'
import { Id } from './credential-routes.ts'
import type { Family } from './family.ts'
import { replaceKey } from './replace-key.ts'

type App = Parameters<FastifyPluginAsyncTypebox<{ deps: Deps }>>[0]
/** Schemas of the same shapes under a family's own names. */
type Bodies = {
  tag: string
  Create: typeof CreateProviderKey
  Replace: typeof ReplaceProviderKey
  Update: typeof UpdateProviderKey
  Shown: typeof ProviderKey
}

/** Storing and changing what may be shared with a workspace: provider keys and integrations. */
export function writeRoutes(
  app: App,
  deps: Deps,
  family: Family<ProviderKey>,
  { tag, Create, Replace, Update, Shown }: Bodies,
): void {
  const path = `/${family.path}`
  const tags = [tag]

  app.post(
    path,
    {
      config: { access: 'key:write', idempotency: 'answer', recentProof: true },
      schema: { tags, body: Create, response: { 201: Shown } },
    },
    async (request, reply) => sendOutcome(reply, await createKey(deps, request, family, request.body)),
  )

  for (const [method, body, recentProof] of [
    ['PUT', Replace, true],
    // A change of the label, or taking a key back from the workspace, asks for nothing.
    ['PATCH', Update, false],
  ] as const) {
    app.route({
      method,
      url: `${path}/:id`,
      config: { access: 'key:write', recentProof },
      schema: { tags, params: Id, querystring: ForceQuery, body, response: { 200: Shown } },
      handler: async (request) => {
        const { actor, params, body, query } = request
        if (body.sharedWithWorkspace === true) await requireRecentProof(deps.db, actor.actor)
        return replaceKey(deps, actor, family, params.id, body, query.force ?? false)
      },
    })
  }
}
