import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AdminOverview } from '@nora/contract/admin-overview'
import { agentStates } from '@nora/contract/agents'
import { adminOverview } from '@nora/db/admin-overview'
import { adminQueueDepth, type QueueDepth } from '@nora/db/admin-queue'
import { itemOf } from '../audit/audit-view.ts'
import type { Deps } from '../deps.ts'
import { readAsAdmin } from './read.ts'
import { shownSettings } from './shown-settings.ts'

const mostTroubles = 20

/** `admin/overview`: how the whole server is, in one call and one row of the audit. */
export const adminOverviewRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/overview',
    { config: { access: 'platform-admin' }, schema: { response: { 200: AdminOverview } } },
    async (request) => {
      const { users, agents, workers, troubles, depth } = await readAsAdmin(
        deps,
        request,
        { what: 'overview' },
        async (tx) => ({
          ...(await adminOverview(tx, mostTroubles)),
          depth: (await adminQueueDepth(tx)).depth,
        }),
      )
      const inState = new Map(agents.map((row) => [row.state, row.count]))
      const all = agents.reduce((sum, row) => sum + row.count, 0)
      return {
        users,
        agents: {
          all,
          byState: agentStates.map((state) => ({ state, count: inState.get(state) ?? 0 })),
          unhealthy: agents.reduce((sum, row) => sum + row.unhealthy, 0),
        },
        queue: queueOf(depth, deps.clock()),
        workers,
        troubles: troubles.map((row) => ({ ...itemOf(row), workspaceId: row.workspace_id })),
        settings: shownSettings(deps.config, all),
      }
    },
  )
}

function queueOf(depth: QueueDepth[], now: number): AdminOverview['queue'] {
  const count = (status: QueueDepth['status']) =>
    depth.filter((one) => one.status === status).reduce((sum, one) => sum + one.count, 0)
  const open = depth.filter(({ status }) => status !== 'failed').map(({ oldestAt }) => oldestAt.getTime())
  const oldest = open.length > 0 ? Math.max(0, Math.round((now - Math.min(...open)) / 1000)) : null
  return {
    queued: count('pending'),
    running: count('leased'),
    failed: count('failed'),
    oldestSeconds: oldest,
  }
}
