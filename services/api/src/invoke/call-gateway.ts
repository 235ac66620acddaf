import { type Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { DomainError } from '@nora/domain/errors'

/** Milliseconds and bytes. `idleMs`: nothing moved either way; `headersMs`: from the body's end to the answer's head. */
export type InvokeLimits = { connectMs: number; headersMs: number; idleMs: number; bodyBytes: number }

export const invokeDeadlines: Omit<InvokeLimits, 'bodyBytes'> = {
  connectMs: 5_000,
  // The gateway's own deadlines are shorter, so that its reason arrives here first.
  headersMs: 130_000,
  idleMs: 310_000,
}

export type Exchange = { answer: IncomingMessage; end: (error?: Error) => void }

type Call = {
  agent: Agent
  /** The gateway's own address with the agent's path. */
  url: URL
  path: string
  method: string
  headers: OutgoingHttpHeaders
  body: IncomingMessage
  limits: InvokeLimits
  signal: AbortSignal
}

/**
 * Sends a request on, its body as it comes, and gives the answer once its head is there; the answer's body is the
 * caller's to pipe, under the same idle deadline, and `end` must be called when that is over. `signal` ends the call at
 * any moment. DomainError `payload-too-large`, `unavailable` (no gateway), `agent-timeout`.
 */
export function callGateway(call: Call): Promise<Exchange> {
  const { body, limits, signal } = call
  return new Promise((resolve, reject) => {
    let received = 0
    let answered = false
    let headersTimer: NodeJS.Timeout | undefined
    const upstream = request({
      agent: call.agent,
      host: call.url.hostname,
      port: call.url.port,
      path: call.path,
      method: call.method,
      headers: call.headers,
      setHost: false,
      signal,
    })
    const fail = (error: Error) => {
      end(error)
      reject(error)
    }
    const idle = setTimeout(() => fail(new DomainError('agent-timeout')), limits.idleMs)
    const connecting = setTimeout(() => fail(new DomainError('unavailable')), limits.connectMs)
    const end = (error?: Error) => {
      clearTimeout(idle)
      clearTimeout(connecting)
      clearTimeout(headersTimer)
      body.unpipe(upstream)
      upstream.destroy(error)
    }
    const count = (chunk: Buffer) => {
      idle.refresh()
      received += chunk.length
      if (received > limits.bodyBytes) fail(new DomainError('payload-too-large'))
    }
    upstream.on('socket', (socket) => {
      if (!socket.connecting) clearTimeout(connecting)
      else socket.once('connect', () => clearTimeout(connecting))
    })
    upstream.on('error', (cause) => {
      fail(cause instanceof DomainError ? cause : new DomainError('unavailable', {}, { cause }))
    })
    upstream.on('response', (answer) => {
      answered = true
      clearTimeout(headersTimer)
      answer.on('data', () => idle.refresh())
      // Whoever reads the answer hears of it too; without a listener an error before that would end the process.
      answer.on('error', () => end())
      answer.pause()
      resolve({ answer, end })
    })
    body.on('data', count)
    body.on('end', () => {
      if (answered) return
      headersTimer = setTimeout(() => fail(new DomainError('agent-timeout')), limits.headersMs)
    })
    body.pipe(upstream)
  })
}
