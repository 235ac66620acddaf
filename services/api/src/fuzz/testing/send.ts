import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import type { FuzzRequest } from './requests.ts'

export type FuzzAnswer = { status: number; headers: IncomingMessage['headers']; text: string }

const deadlineMs = 60_000

/** Sends requests as they are: no client that mends a path or leaves out a header. */
export function sender(url: string): { send: (one: FuzzRequest) => Promise<FuzzAnswer>; close: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  return {
    async send({ method, path, headers, body }) {
      const sent = request(`${url}${path}`, {
        ...{ method, agent },
        headers: body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
        signal: AbortSignal.timeout(deadlineMs),
      })
      // A server that has refused a body need not read the rest of it; its answer counts.
      const answered = once(sent, 'response') as Promise<[IncomingMessage]>
      sent.end(body)
      const [response] = await answered
      const parts: Buffer[] = []
      for await (const part of response) parts.push(part)
      return {
        status: response.statusCode!,
        headers: response.headers,
        text: Buffer.concat(parts).toString(),
      }
    },
    close: () => agent.destroy(),
  }
}
