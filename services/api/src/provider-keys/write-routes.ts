import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  type CreateProviderKey,
  ForceQuery,
  type ProviderKey,
  type ReplaceProviderKey,
  type UpdateProviderKey,
} from '@nora/contract/provider-keys'
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
      config: { access: 'key:write', idempotency: 'answer' },
      schema: { tags, body: Create, response: { 201: Shown } },
    },
    async (request, reply) => sendOutcome(reply, await createKey(deps, request, family, request.body)),
  )

  for (const [method, body] of [
    ['PUT', Replace],
    ['PATCH', Update],
  ] as const) {
    app.route({
      method,
      url: `${path}/:id`,
      config: { access: 'key:write' },
      schema: { tags, params: Id, querystring: ForceQuery, body, response: { 200: Shown } },
      handler: async (request) =>
        replaceKey(
          deps,
          request.actor,
          family,
          request.params.id,
          request.body,
          request.query.force ?? false,
        ),
    })
  }
}
