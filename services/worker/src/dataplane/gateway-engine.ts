import type { ProbeAnswer } from './dataplane.ts'

export type StandingGateway = {
  containerId: string
  controlUrl: string
  invokeUrl: string
  controlAddress: string
}
export type GatewayStatus = { bootId: string; revision: number }
export type GatewayRoute = {
  agentId: string
  workspaceId: string
  containerId: string
  ip: string
  port: number
}

/** How gateways are made, joined to networks and spoken to; the one implementation is Docker's. */
export type GatewayEngine = {
  /** A running gateway of this number: the one that is there, or a new one in the place of one that died. */
  ensure(index: number, signal: AbortSignal): Promise<StandingGateway>
  /** Puts it on an agent's network at the given address; already there is well. An absent network is well, too. */
  attach(
    gateway: { index: number; containerId: string },
    agent: { agentId: string; address: string },
    signal: AbortSignal,
  ): Promise<void>
  status(controlUrl: string, signal: AbortSignal): Promise<GatewayStatus>
  /** `stale`: the gateway holds a newer list already. */
  putRoutes(
    controlUrl: string,
    push: { revision: number; routes: GatewayRoute[] },
    signal: AbortSignal,
  ): Promise<'accepted' | 'stale'>
  probe(
    controlUrl: string,
    request: { agentId: string; path: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ProbeAnswer>
}
