import { setTimeout as delay } from 'node:timers/promises'
import { hashBody, signCapability } from '@nora/crypto/capability'

export type GatewayRoute = {
  agentId: string
  workspaceId: string
  containerId: string
  ip: string
  port: number
}
export type GatewayStatus = {
  bootId: string
  revision: number
  routes: number
  uptimeMs: number
  /** What failed in it since it booted; without an error's words. A gateway of an older version says nothing. */
  faults?: { count: number; last: { at: string; name: string; stack: string } | null }
}
export type ProbeAnswer = { status: number; body: string; ms: number } | { error: string }

export type ReachTarget = { address: string; port: number }
/** `outcome`: `open`, `no-answer`, or the error's code. */
export type ReachAnswer = ReachTarget & { outcome: string }

export type GatewayClient = {
  /** The full list. A list older than what the gateway holds is refused: `routes-stale`. */
  pushRoutes(push: { revision: number; routes: GatewayRoute[] }, signal: AbortSignal): Promise<void>
  status(signal: AbortSignal): Promise<GatewayStatus>
  /** GET `path` of a routed agent; `timeoutMs` from 1 to 30000. */
  probe(
    request: { agentId: string; path: string; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ProbeAnswer>
  /** Tries to connect to each from inside the pool; at most 32 IPv4 addresses, `timeoutMs` from 1 to 5000. */
  reach(
    request: { targets: readonly ReachTarget[]; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ReachAnswer[]>
  /** The status once it answers: a container that has just started needs a moment. Gives up after `deadlineMs`. */
  ready(deadlineMs: number, signal: AbortSignal): Promise<GatewayStatus>
}

/**
 * `gateway-unreachable` (try again, or make a new gateway) or the code of the gateway's own refusal with its HTTP
 * status. `message` is for people.
 */
export class GatewayError extends Error {
  readonly code: string
  readonly status: number | null
  readonly retry: boolean

  constructor(code: string, message: string, options: { status?: number; retry: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GatewayError'
    this.code = code
    this.status = options.status ?? null
    this.retry = options.retry
  }
}

const CALL_MS = 10_000

/**
 * Speaks to one gateway's control port. Each call carries a capability signed here for that call and body alone, good
 * for 30 s.
 * @param signingSeed raw 32-byte Ed25519 seed (HKDF info `nora/v1/gateway-control`).
 */
export function gatewayClient({
  controlUrl,
  signingSeed,
}: {
  controlUrl: string
  signingSeed: Buffer
}): GatewayClient {
  async function call(op: string, body: unknown, deadlineMs: number, signal: AbortSignal): Promise<Response> {
    signal.throwIfAborted()
    const [method = '', path = ''] = op.split(' ')
    const text = body === undefined ? '' : JSON.stringify(body)
    const iat = Math.floor(Date.now() / 1000)
    const capability = signCapability(signingSeed, {
      aud: 'gateway-control',
      op,
      sub: 'worker',
      bodySha256: hashBody(text),
      iat,
      exp: iat + 30,
    })
    let answer: Response
    try {
      answer = await fetch(controlUrl + path, {
        method,
        redirect: 'error',
        headers: { 'x-nora-capability': capability, ...(text && { 'content-type': 'application/json' }) },
        ...(text && { body: text }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]),
      })
    } catch (cause) {
      if (signal.aborted) throw signal.reason
      throw new GatewayError('gateway-unreachable', 'The gateway does not answer.', { retry: true, cause })
    }
    if (!answer.ok) throw await refusal(answer)
    return answer
  }

  const status = async (signal: AbortSignal) =>
    (await (await call('GET /status', undefined, CALL_MS, signal)).json()) as GatewayStatus

  return {
    status,
    async pushRoutes(push, signal) {
      await call('PUT /routes', push, CALL_MS, signal)
    },
    async probe(request, signal) {
      const answer = await call('POST /probe', request, request.timeoutMs + 5_000, signal)
      return (await answer.json()) as ProbeAnswer
    },
    async reach(request, signal) {
      const answer = await call('POST /reach', request, request.timeoutMs + 5_000, signal)
      return (await answer.json()) as ReachAnswer[]
    },
    async ready(deadlineMs, signal) {
      const until = performance.now() + deadlineMs
      for (;;) {
        try {
          return await status(signal)
        } catch (error) {
          if (!(error instanceof GatewayError) || !error.retry || performance.now() > until) throw error
        }
        await delay(25, undefined, { signal })
      }
    },
  }
}

async function refusal(answer: Response): Promise<GatewayError> {
  const said = (await answer.json().catch(() => ({}))) as { code?: string; title?: string; errors?: unknown }
  const details = said.errors === undefined ? '' : ` ${JSON.stringify(said.errors)}`
  return new GatewayError(
    said.code ?? 'gateway-refused',
    `The gateway refused (HTTP ${answer.status}): ${said.title ?? ''}${details}`,
    { status: answer.status, retry: answer.status >= 500 },
  )
}
