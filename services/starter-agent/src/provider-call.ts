import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

export type ProviderCall = { url: URL; apiKey: Buffer; body: Buffer; connectMs: number; signal: AbortSignal }

/** Carries why the provider gave no answer: `connect-timeout`, or the system's code (`ECONNREFUSED`, ...). */
export const failureCode = (error: unknown): string => (error as NodeJS.ErrnoException)?.code ?? 'failed'

/**
 * POSTs to the provider and gives the answer once its head is there; the body is the caller's to read. Rejects when
 * no connection (TLS included) stands after `connectMs`, when the connection breaks, or when `signal` aborts.
 * Redirects are not followed: a key goes to the host it was saved for and to no other.
 */
export function callProvider({
  url,
  apiKey,
  body,
  connectMs,
  signal,
}: ProviderCall): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === 'https:'
    const req = (secure ? httpsRequest : httpRequest)(url, {
      method: 'POST',
      signal,
      headers: {
        authorization: `Bearer ${apiKey.toString('utf8')}`,
        'content-type': 'application/json',
        'content-length': body.length,
        accept: 'application/json, text/event-stream',
        'accept-encoding': 'identity', // so that token counts can be read as the answer passes
        'user-agent': 'nora-starter-agent',
      },
    })
    let connectTimer: NodeJS.Timeout | undefined
    req.on('socket', (socket) => {
      if (!socket.connecting) return // a kept-alive connection
      connectTimer = setTimeout(() => {
        req.destroy(Object.assign(new Error('connect timeout'), { code: 'connect-timeout' }))
      }, connectMs)
      socket.once(secure ? 'secureConnect' : 'connect', () => clearTimeout(connectTimer))
    })
    req.on('response', resolve)
    req.on('error', reject)
    req.on('close', () => clearTimeout(connectTimer))
    req.end(body)
  })
}
