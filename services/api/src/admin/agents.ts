import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type AdminAgent, AdminAgentPage, AdminAgentQuery } from '@nora/contract/admin-agents'
import { type AdminAgentRow, adminAgents } from '@nora/db/admin-agents'
import type { OperationStatus } from '@nora/db/schema'
import type { Deps } from '../deps.ts'
import { readAsAdmin } from './read.ts'

const shown = {
  pending: 'queued',
  leased: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<OperationStatus, string>

/** `admin/agents`: every agent of the server, and how it stands. */
export const adminAgentRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/agents',
    {
      config: { access: 'platform-admin' },
      schema: { querystring: AdminAgentQuery, response: { 200: AdminAgentPage } },
    },
    async (request) => {
      const { limit = 50, ...filter } = request.query
      const asked = { what: 'agents', how: { ...request.query } }
      const { rows, nextCursor } = await readAsAdmin(deps, request, asked, (tx) =>
        adminAgents(tx, { ...filter, limit }),
      )
      return { items: rows.map(view), nextCursor }
    },
  )
}

function view(row: AdminAgentRow): AdminAgent {
  const { id, name, runtime, target, sandboxProfile, cpus, memoryMb, diskMb, pids, diskEnforced } = row
  const { state, why, desiredState, unhealthy, crashCount, generation, observedGeneration, worker } = row
  return {
    ...{ id, name, runtime, target, sandboxProfile, diskEnforced },
    ...{ state, why, desiredState, unhealthy, crashCount, generation, observedGeneration, worker },
    workspace: { id: row.workspaceId, name: row.workspaceName },
    owner: { id: row.ownerId, email: row.ownerEmail },
    resources: { cpus, memoryMb, diskMb, pids },
    stateSince: row.stateSince.toISOString(),
    operation:
      row.operationId === null
        ? null
        : {
            id: row.operationId,
            kind: row.operationKind!,
            status: shown[row.operationStatus!],
            attempt: row.attempt!,
          },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}
