import { type IncomingMessage, request } from 'node:http'
import { createConnection } from 'node:net'
import { Refusal } from './refusal.ts'

export type EngineCall = {
  method: string
  /** With its query, as the engine is to see it. */
  path: string
  body?: { type: 'application/json' | 'application/x-tar'; bytes: Buffer } | undefined
  /** Ends the call, and the answer while it is read. */
  signal: AbortSignal
  /** How long the engine has until its answer begins. */
  deadlineMs: number
}

export type Engine = {
  /** The beginning of the engine's answer; its body is a stream. Throws `Refusal` 503 while the engine does not answer. */
  call(call: EngineCall): Promise<IncomingMessage>
  /** The whole answer of a GET, as it came and as JSON. Bounded by 10 s and 64 MiB. */
  look(path: string, signal: AbortSignal): Promise<{ status: number; found: unknown; bytes: Buffer }>
}

const lookMs = 10_000
const mostBytes = 64 * 1024 * 1024

export const away = () => new Refusal('The Docker Engine does not answer.', 503)
export const tooSlow = () => new Refusal('The Docker Engine did not answer in time.', 504)

/** Calls over the engine's socket: a new connection for each, so that no call meets what an earlier one left. */
export function engineAt(socketPath: string): Engine {
  const call = ({ method, path, body, signal, deadlineMs }: EngineCall): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers = {
        host: 'docker',
        connection: 'close',
        ...(body && { 'content-type': body.type, 'content-length': body.bytes.length }),
        ...(!body && method !== 'GET' && method !== 'HEAD' && { 'content-length': 0 }),
      }
      const sent = request({ method, path, headers, signal, createConnection: () => connectTo(socketPath) })
      const timer = setTimeout(() => sent.destroy(tooSlow()), deadlineMs)
      sent.once('response', (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      sent.once('error', (error) => {
        clearTimeout(timer)
        reject(signal.aborted || error instanceof Refusal ? error : away())
      })
      // An answer that changes the protocol was not asked for.
      sent.once('upgrade', (_answer, socket) => {
        clearTimeout(timer)
        socket.destroy()
        reject(away())
      })
      sent.end(body?.bytes)
    })

  return {
    call,
    async look(path, signal) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(lookMs)])
      const answer = await call({ method: 'GET', path, signal: bounded, deadlineMs: lookMs })
      const bytes = await readAll(answer, mostBytes)
      if (bytes === undefined) throw away()
      const status = answer.statusCode ?? 0
      if (status !== 200) return { status, found: undefined, bytes }
      try {
        return { status, found: JSON.parse(bytes.toString('utf8')) as unknown, bytes }
      } catch {
        throw away()
      }
    },
  }
}

/** Half-open: when one side has said all it has, the other may still speak. */
export const connectTo = (socketPath: string) => createConnection({ path: socketPath, allowHalfOpen: true })

/** All of a body; undefined when it has more than so many bytes, and the rest is left unread. Leaves no other copy of it. */
export async function readAll(body: IncomingMessage, most: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > most) return undefined
    chunks.push(chunk)
  }
  const all = Buffer.concat(chunks)
  for (const chunk of chunks) chunk.fill(0)
  return all
}
