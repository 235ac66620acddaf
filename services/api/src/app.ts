import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type FastifyInstance, fastify } from 'fastify'
import { adminRoutes } from './admin/routes.ts'
import { agentHubRoutes } from './agent-hub/routes.ts'
import { agentRoutes } from './agents/routes.ts'
import { apiKeyRoutes } from './api-keys/routes.ts'
import { installErrorEvents } from './audit/report.ts'
import { auditRoutes } from './audit/routes.ts'
import { meRoutes } from './auth/me-routes.ts'
import { authRoutes } from './auth/routes.ts'
import { sessionRoutes } from './auth/session-routes.ts'
import type { Deps } from './deps.ts'
import { exchangeCredentialRoutes } from './exchange-credentials/routes.ts'
import { healthRoutes } from './health/routes.ts'
import { installEdge, serverOptions } from './http/edge.ts'
import { integrationRoutes } from './integrations/routes.ts'
import { invokeRoutes } from './invoke/routes.ts'
import { installChanges } from './live/changes.ts'
import { identityRoutes } from './oauth/identity-routes.ts'
import { oauthRoutes } from './oauth/routes.ts'
import { passkeyActionRoutes } from './passkeys/action-routes.ts'
import { passkeyRoutes } from './passkeys/routes.ts'
import { secondFactorRoutes } from './passkeys/second-factor-routes.ts'
import { providerKeyRoutes } from './provider-keys/routes.ts'
import { streamRoutes } from './streams/routes.ts'
import { invitationRoutes } from './workspaces/invitation-routes.ts'
import { memberRoutes } from './workspaces/member-routes.ts'
import { workspaceRoutes } from './workspaces/routes.ts'

/**
 * The whole api, ready to listen: the edge first, then every feature's routes under /api. This list is its table of
 * contents; nothing is loaded that does not stand here.
 */
export async function buildApp(deps: Deps) {
  const app = fastify(serverOptions(deps)).withTypeProvider<TypeBoxTypeProvider>()
  await installEdge(app as unknown as FastifyInstance, deps)
  installChanges(app as unknown as FastifyInstance, deps)
  installErrorEvents(app as unknown as FastifyInstance, deps)
  const api = { deps, prefix: '/api' }
  await app.register(healthRoutes, api)
  await app.register(authRoutes, api)
  await app.register(meRoutes, api)
  await app.register(oauthRoutes, api)
  await app.register(identityRoutes, api)
  await app.register(sessionRoutes, api)
  await app.register(secondFactorRoutes, api)
  await app.register(passkeyRoutes, api)
  await app.register(passkeyActionRoutes, api)
  await app.register(workspaceRoutes, api)
  await app.register(memberRoutes, api)
  await app.register(invitationRoutes, api)
  await app.register(apiKeyRoutes, api)
  await app.register(providerKeyRoutes, api)
  await app.register(integrationRoutes, api)
  await app.register(exchangeCredentialRoutes, api)
  await app.register(agentRoutes, api)
  await app.register(auditRoutes, api)
  await app.register(adminRoutes, { deps, prefix: '/api/admin' })
  await app.register(invokeRoutes, api)
  await app.register(streamRoutes, api)
  await app.register(agentHubRoutes, { deps, prefix: '/api/agent-hub' })
  await app.ready()
  return app
}
