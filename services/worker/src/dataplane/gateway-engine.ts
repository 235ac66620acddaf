import type { GatewayRoute, GatewayStatus, ReachAnswer, ReachTarget } from '../gateway/control-client.ts'
import type { ProbeAnswer } from './dataplane.ts'

export type StandingGateway = {
  containerId: string
  controlUrl: string
  invokeUrl: string
  controlAddress: string
}

/** How gateways are made, joined to networks and spoken to; the one implementation is Docker's. */
export type GatewayEngine = {
  /** A running gateway of this number: the one that is there, or a new one in the place of one that died. */
  ensure(index: number, signal: AbortSignal): Promise<StandingGateway>
  /** Removes it, for one that runs and does not answer. */
  remove(index: number, signal: AbortSignal): Promise<void>
  /** Puts it on an agent's network at the given address; already there is well. `not-found`: one of the two is gone. */
  attach(
    gateway: { containerId: string },
    agent: { agentId: string; address: string },
    signal: AbortSignal,
  ): Promise<void>
  status(
    controlUrl: string,
    signal: AbortSignal,
  ): Promise<Pick<GatewayStatus, 'bootId' | 'revision' | 'faults'>>
  /** A gateway that holds a newer list already keeps it; that is well. */
  putRoutes(
    controlUrl: string,
    push: { revision: number; routes: GatewayRoute[] },
    signal: AbortSignal,
  ): Promise<void>
  probe(
    controlUrl: string,
    request: { agentId: string; path: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ProbeAnswer>
  reach(
    controlUrl: string,
    request: { targets: readonly ReachTarget[]; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ReachAnswer[]>
}
