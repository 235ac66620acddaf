import type { Target } from '../backends/backend.ts'

export type ProbeAnswer = { status: number; body: string; ms: number } | { error: string }

/** What operations ask of the gateways. Every call throws `BackendError` with `retry` while a gateway does not answer. */
export type Dataplane = {
  /** Puts the gateway on the agent's network at its .2. */
  attach(gatewayId: string, target: Target, signal: AbortSignal): Promise<void>
  /** Makes the gateway know the routes that Postgres holds now. */
  pushRoutes(gatewayId: string, signal: AbortSignal): Promise<void>
  probe(
    gatewayId: string,
    request: { agentId: string; path: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ProbeAnswer>
}
