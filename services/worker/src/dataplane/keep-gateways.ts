import { type FleetAgent, fleet } from '@nora/db/fleet'
import {
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
import { agentNetwork } from '../reconcile/addresses.ts'
import type { Dataplane } from './dataplane.ts'
import type { GatewayEngine, GatewayRoute, GatewayStatus, StandingGateway } from './gateway-engine.ts'
import { oneAtATime } from './one-at-a-time.ts'

const leaseMs = 6_000
const callMs = 5_000

export type GatewayDeps = {
  db: Kysely<DB>
  log: Logger
  workerId: string
  pool: string
  engine: GatewayEngine
}

export type KeptGateways = Dataplane & {
  /** One round: take care of every gateway that nobody else cares for. */
  keep(signal: AbortSignal): Promise<void>
}

/**
 * The gateways as operations see them, and the loop that keeps them standing. One worker cares for a gateway at a time;
 * any worker may push routes, since revisions are ordered in Postgres.
 */
export function keepGateways(deps: GatewayDeps): KeptGateways {
  const boots = new Map<string, string>()
  const pushes = new Map<string, () => Promise<void>>()
  const raising = new Map<string, () => Promise<StandingGateway>>()

  const push = (gatewayId: string) => {
    const found = pushes.get(gatewayId) ?? oneAtATime(() => pushNow(deps, gatewayId))
    pushes.set(gatewayId, found)
    return found()
  }

  // A gateway that does not answer is looked at, made again if it is dead, joined to its agents' networks and told all.
  const raise = (row: GatewayRow) => {
    const found =
      raising.get(row.id) ??
      oneAtATime(async () => {
        const standing = await deps.engine.ensure(row.index, AbortSignal.timeout(120_000))
        await saveGateway(deps.db, deps.workerId, { id: row.id, ...standing })
        return standing
      })
    raising.set(row.id, found)
    return found()
  }

  const refill = async (row: GatewayRow, standing: StandingGateway, status: GatewayStatus) => {
    const agents = (await fleet(deps.db)).filter((agent) => agent.gatewayId === row.id && agent.containerIp)
    for (const agent of agents) await attach(deps, row.index, standing.containerId, agent)
    await push(row.id)
    boots.set(row.id, status.bootId)
    deps.log.info({ gateway: row.index, agents: agents.length, bootId: status.bootId }, 'gateway filled')
  }

  const keepOne = async (row: GatewayRow) => {
    let standing = standingOf(row)
    let status = standing && (await deps.engine.status(standing.controlUrl, timeout()).catch(() => undefined))
    if (!standing || !status) {
      boots.delete(row.id)
      standing = await raise(row)
      status = await deps.engine.status(standing.controlUrl, timeout())
    }
    if (boots.get(row.id) !== status.bootId) await refill(row, standing, status)
    else if (status.revision < row.revision) await push(row.id)
  }

  const standingGateway = async (gatewayId: string): Promise<GatewayRow & StandingGateway> => {
    const row = await gatewayById(deps.db, gatewayId)
    const standing = row && standingOf(row)
    if (row && standing) return { ...row, ...standing }
    await leaseGateways(deps.db, deps.workerId, leaseMs)
    if (row) await keepOne(row)
    const raised = await gatewayById(deps.db, gatewayId)
    const now = raised && standingOf(raised)
    if (!raised || !now) throw notYet()
    return { ...raised, ...now }
  }

  return {
    async keep() {
      await ensureFirstGateway(deps.db)
      const rows = await leaseGateways(deps.db, deps.workerId, leaseMs)
      const results = await Promise.allSettled(rows.map(keepOne))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed) throw failed.reason
    },
    async attach(gatewayId, target, signal) {
      const gateway = await unlessAborted(signal, standingGateway(gatewayId))
      const agent = { agentId: target.agentId, address: target.network.gateway }
      await deps.engine.attach(gateway, agent, signal)
    },
    async pushRoutes(gatewayId, signal) {
      await unlessAborted(signal, push(gatewayId))
    },
    async probe(gatewayId, request, signal) {
      const gateway = await unlessAborted(signal, standingGateway(gatewayId))
      const late = AbortSignal.timeout(request.timeoutMs + callMs)
      return answered(deps.engine.probe(gateway.controlUrl, request, AbortSignal.any([signal, late])))
    },
  }
}

async function pushNow(deps: GatewayDeps, gatewayId: string): Promise<void> {
  const { revision, agents } = await nextRoutes(deps.db, gatewayId)
  const row = await gatewayById(deps.db, gatewayId)
  if (!row?.controlUrl) throw notYet()
  await answered(deps.engine.putRoutes(row.controlUrl, { revision, routes: routesOf(agents) }, timeout()))
}

/** Agents that run and have a port; the addresses are those that the engine gave, never anybody's word. */
function routesOf(agents: readonly FleetAgent[]): GatewayRoute[] {
  return agents.flatMap(({ agentId, workspaceId, containerId, containerIp, httpPort }) =>
    containerId && containerIp && httpPort
      ? [{ agentId, workspaceId, containerId, ip: containerIp, port: httpPort }]
      : [],
  )
}

async function attach(
  deps: GatewayDeps,
  index: number,
  containerId: string,
  agent: FleetAgent,
): Promise<void> {
  if (agent.networkSlot === null) return
  const address = agentNetwork(deps.pool, agent.networkSlot).gateway
  await deps.engine.attach({ index, containerId }, { agentId: agent.agentId, address }, timeout(30_000))
}

function standingOf(row: GatewayRow): StandingGateway | undefined {
  const { containerId, controlUrl, invokeUrl, controlAddress } = row
  return containerId && controlUrl && invokeUrl && controlAddress
    ? { containerId, controlUrl, invokeUrl, controlAddress }
    : undefined
}

const timeout = (ms = callMs) => AbortSignal.timeout(ms)
const notYet = () => new BackendError('engine-unavailable', 'the gateway is being started', { retry: true })

/** What goes wrong on the way to a gateway may work later: its keeper raises it again. */
async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof BackendError) throw error
    const cause = { retry: true, cause: error }
    throw new BackendError('engine-unavailable', 'the gateway does not answer', cause)
  }
}

async function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  signal.throwIfAborted()
  let abort: () => void = () => undefined
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
