import { type FleetAgent, fleet } from '@nora/db/fleet'
import {
  anyGateway,
  ensureFirstGateway,
  type GatewayRow,
  gatewayById,
  leaseGateways,
  nextRoutes,
  saveGateway,
} from '@nora/db/registry'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import { BackendError } from '../backends/backend.ts'
import type { GatewayRoute, GatewayStatus, ReachAnswer, ReachTarget } from '../gateway/control-client.ts'
import { agentNetwork } from '../reconcile/addresses.ts'
import type { Dataplane } from './dataplane.ts'
import type { GatewayEngine, StandingGateway } from './gateway-engine.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { faultTeller } from './tell-faults.ts'

const leaseMs = 6_000
const callMs = 5_000
/** Rounds in which a running gateway may keep silent before it is made anew. */
const mostMisses = 3

export type GatewayDeps = {
  db: Kysely<DB>
  log: Logger
  workerId: string
  pool: string
  engine: GatewayEngine
}

export type KeptGateways = Dataplane & {
  /** One round: take care of every gateway that nobody else cares for. */
  keep(): Promise<void>
  /** What a program inside the agents' pool meets when it dials; undefined: no gateway stands yet to ask. */
  reach(
    request: { targets: readonly ReachTarget[]; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ReachAnswer[] | undefined>
}

/**
 * The gateways as operations see them, and the round that keeps them standing. One worker cares for a gateway at a
 * time; any worker may push routes, since revisions are ordered in Postgres.
 */
export function keepGateways(deps: GatewayDeps): KeptGateways {
  const boots = new Map<string, string>()
  const misses = new Map<string, number>()
  /** Those that this process has compared with its own settings: one that was made before it may accept keys that have been exchanged. */
  const compared = new Set<string>()
  const tellFaults = faultTeller(deps.log)
  const pushes = new Map<string, () => Promise<void>>()
  const raises = new Map<string, () => Promise<StandingGateway>>()

  const push = shared(pushes, (row: { id: string }) => pushNow(deps, row.id))
  const raise = shared(raises, async (row: GatewayRow) => {
    const standing = await deps.engine.ensure(row.index, timeout(120_000))
    await saveGateway(deps.db, deps.workerId, { ...standing, id: row.id })
    return standing
  })

  // A gateway that has just started knows no route and may stand on no network: it is joined to all and told all.
  const refill = async (
    row: GatewayRow,
    standing: StandingGateway,
    status: Pick<GatewayStatus, 'bootId'>,
  ) => {
    const agents = (await fleet(deps.db)).filter((agent) => agent.gatewayId === row.id && agent.containerIp)
    for (const agent of agents) await attach(deps, standing.containerId, agent)
    await push(row)
    boots.set(row.id, status.bootId)
    deps.log.info({ gateway: row.index, agents: agents.length, bootId: status.bootId }, 'gateway filled')
  }

  const keepOne = async (row: GatewayRow) => {
    let standing = standingOf(row)
    let status = standing && (await deps.engine.status(standing.controlUrl, timeout()).catch(() => undefined))
    if (!standing || !status) {
      boots.delete(row.id)
      const missed = (misses.get(row.id) ?? 0) + 1
      misses.set(row.id, missed)
      if (missed > mostMisses) await deps.engine.remove(row.index, timeout(30_000))
    }
    if (!standing || !status || !compared.has(row.id)) {
      standing = await raise(row)
      status = await deps.engine.status(standing.controlUrl, timeout())
      compared.add(row.id)
    }
    misses.delete(row.id)
    tellFaults(row, status)
    if (boots.get(row.id) !== status.bootId) await refill(row, standing, status)
    else if (status.revision < row.revision) await push(row)
  }

  // One that fails is raised again, if this worker may, and used once more.
  const using = async <T>(gatewayId: string, use: (gateway: StandingGateway) => Promise<T>): Promise<T> => {
    const gateway = await standingGateway(deps, gatewayId)
    try {
      if (gateway) return await use(gateway)
    } catch (error) {
      if (!(error instanceof BackendError) || !error.retry) throw error
    }
    const leased = await leaseGateways(deps.db, deps.workerId, leaseMs)
    const mine = leased.find((row) => row.id === gatewayId)
    if (mine) await keepOne(mine)
    const raised = await standingGateway(deps, gatewayId)
    if (!raised) throw new BackendError('engine-unavailable', 'the gateway is being started', { retry: true })
    return use(raised)
  }

  return {
    async keep() {
      await ensureFirstGateway(deps.db)
      const rows = await leaseGateways(deps.db, deps.workerId, leaseMs)
      const results = await Promise.allSettled(rows.map(keepOne))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
    },
    async reach(request, signal) {
      const row = await anyGateway(deps.db)
      const gateway = row && standingOf(row)
      return gateway && deps.engine.reach(gateway.controlUrl, request, signal)
    },
    attach: (gatewayId, target, signal) =>
      using(gatewayId, ({ containerId }) => {
        const agent = { agentId: target.agentId, address: target.network.gateway }
        return deps.engine.attach({ containerId }, agent, signal)
      }),
    pushRoutes: (gatewayId) => using(gatewayId, () => push({ id: gatewayId })),
    probe: (gatewayId, request, signal) =>
      using(gatewayId, ({ controlUrl }) => deps.engine.probe(controlUrl, request, signal)),
  }
}

async function pushNow(deps: GatewayDeps, gatewayId: string): Promise<void> {
  const { revision, agents } = await nextRoutes(deps.db, gatewayId)
  const gateway = await standingGateway(deps, gatewayId)
  // One that does not stand yet is filled when it does.
  if (!gateway) return
  await deps.engine.putRoutes(gateway.controlUrl, { revision, routes: routesOf(agents) }, timeout())
}

/** Agents that run and have a port; the addresses are those that the engine gave, never anybody's word. */
function routesOf(agents: readonly FleetAgent[]): GatewayRoute[] {
  return agents.flatMap(({ agentId, workspaceId, containerId, containerIp, httpPort }) =>
    containerId && containerIp && httpPort
      ? [{ agentId, workspaceId, containerId, ip: containerIp, port: httpPort }]
      : [],
  )
}

/** An agent whose network is gone is being deleted or made again; it is attached then. */
async function attach(deps: GatewayDeps, containerId: string, agent: FleetAgent): Promise<void> {
  if (agent.networkSlot === null) return
  const address = agentNetwork(deps.pool, agent.networkSlot).gateway
  try {
    await deps.engine.attach({ containerId }, { agentId: agent.agentId, address }, timeout(30_000))
  } catch (error) {
    if (!(error instanceof BackendError) || error.code !== 'not-found') throw error
  }
}

async function standingGateway(deps: GatewayDeps, gatewayId: string): Promise<StandingGateway | undefined> {
  const row = await gatewayById(deps.db, gatewayId)
  return row && standingOf(row)
}

function standingOf(row: GatewayRow): StandingGateway | undefined {
  const { containerId, controlUrl, invokeUrl, controlAddress } = row
  return containerId && controlUrl && invokeUrl && controlAddress
    ? { containerId, controlUrl, invokeUrl, controlAddress }
    : undefined
}

/** Calls for one gateway share their work; see `oneAtATime`. */
function shared<R extends { id: string }, T>(
  known: Map<string, () => Promise<T>>,
  run: (row: R) => Promise<T>,
) {
  return (row: R): Promise<T> => {
    const call = known.get(row.id) ?? oneAtATime(() => run(row))
    known.set(row.id, call)
    return call()
  }
}

const timeout = (ms = callMs) => AbortSignal.timeout(ms)
