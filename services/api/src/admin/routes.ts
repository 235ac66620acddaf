import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Deps } from '../deps.ts'
import { adminAgentRoutes } from './agents.ts'
import { adminAuditRoutes } from './audit.ts'
import { adminAuthRoutes } from './auth/routes.ts'
import { adminSecondFactorRoutes } from './auth/second-factor.ts'
import { adminLiveRoutes } from './live.ts'
import { adminOverviewRoutes } from './overview.ts'
import { adminQueueRoutes } from './queue.ts'
import { adminServerRoutes } from './server.ts'
import { adminUserRoutes } from './users.ts'

/** `/api/admin`: a tree of its own, with sessions of its own (session.ts says who may call what is in it). */
export const adminRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  await app.register(adminAuthRoutes, { deps, prefix: '/auth' })
  await app.register(adminSecondFactorRoutes, { deps, prefix: '/auth' })
  await app.register(adminOverviewRoutes, { deps })
  await app.register(adminUserRoutes, { deps })
  await app.register(adminAgentRoutes, { deps })
  await app.register(adminQueueRoutes, { deps })
  await app.register(adminAuditRoutes, { deps })
  await app.register(adminServerRoutes, { deps })
  await app.register(adminLiveRoutes, { deps })
}
