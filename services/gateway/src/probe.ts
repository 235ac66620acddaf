import { request } from 'node:http'
import { isPlainPath } from './agent-path.ts'
import type { RouteTable } from './routes.ts'

export type ProbeRequest = { agentId: string; path: string; timeoutMs: number }
export type ProbeResult = { status: number; body: string; ms: number } | { error: string }

const KEPT_BYTES = 4096

/** Null when the body is not `{agentId, path, timeoutMs}` with a plain path and 1 to 30000 ms. */
export function parseProbe(body: Buffer): ProbeRequest | null {
  try {
    const { agentId, path, timeoutMs } = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    const fits =
      typeof agentId === 'string' &&
      typeof path === 'string' &&
      isPlainPath(path) &&
      Number.isInteger(timeoutMs) &&
      (timeoutMs as number) >= 1 &&
      (timeoutMs as number) <= 30_000
    return fits ? { agentId, path, timeoutMs: timeoutMs as number } : null
  } catch {
    return null
  }
}

/**
 * One GET to the agent, for its health: status, the first 4 KiB and the milliseconds, or the reason there is none.
 * A fresh connection each time: a probe asks whether the agent takes connections, too.
 */
export function probe(table: RouteTable, { agentId, path, timeoutMs }: ProbeRequest): Promise<ProbeResult> {
  const routed = table.find(agentId)
  if (!routed) return Promise.resolve({ error: 'agent-not-routed' })
  const { route, pool } = routed
  const began = performance.now()
  return new Promise((resolve) => {
    const call = request({
      agent: pool.agent,
      path,
      headers: { host: `${route.ip}:${route.port}`, accept: 'application/json', connection: 'close' },
      setHost: false,
    })
    // Not a signal: a request that still waits for its connection reports no error until that ends.
    const timer = setTimeout(() => {
      resolve({ error: 'timeout' })
      call.destroy()
    }, timeoutMs)
    let answered = false
    call.on('close', () => {
      clearTimeout(timer)
      // One that answers 101 is closed without an error and without an answer.
      if (!answered) resolve({ error: 'no-answer' })
    })
    call.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? 'failed' }))
    call.on('response', (answer) => {
      answered = true
      const chunks: Buffer[] = []
      let size = 0
      const finish = () => {
        const body = Buffer.concat(chunks).subarray(0, KEPT_BYTES).toString('utf8')
        resolve({ status: answer.statusCode ?? 0, body, ms: Math.round(performance.now() - began) })
        call.destroy()
      }
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        size += chunk.length
        if (size >= KEPT_BYTES) finish()
      })
      answer.on('end', finish)
      answer.on('error', (error: NodeJS.ErrnoException) => resolve({ error: error.code ?? 'failed' }))
    })
    call.end()
  })
}
