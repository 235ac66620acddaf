import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type ChatLimits, handleChat } from './chat.ts'
import { sendError } from './errors.ts'
import { noKeys, readKeys, wipeKeys } from './keys.ts'
import type { Log } from './log.ts'
import { page } from './page.ts'

export type AgentOptions = {
  host: string
  port: number
  keysFile: string
  name: string
  log: Log
  limits?: Partial<ChatLimits>
}

export type Agent = {
  port: number
  /** Reads the key file again. A file that cannot be read leaves the keys that serve. */
  reload(): void
  /** Takes no new turns, lets open ones finish for `graceMs`, then cuts them. */
  stop(graceMs: number): Promise<void>
}

const defaults: ChatLimits = { connectMs: 10_000, totalMs: 600_000, bodyBytes: 8 * 1024 * 1024 }

/** Starts the agent's HTTP server; resolves when it listens. Rejects when the address is taken. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { log } = options
  let ring = noKeys
  const reload = () => {
    try {
      const next = readKeys(options.keysFile)
      wipeKeys(ring)
      ring = next
      log('info', 'keys loaded', { count: ring.keys.length, version: ring.version })
    } catch (error) {
      log('error', 'keys not loaded', { reason: (error as Error).message, keptVersion: ring.version })
    }
  }
  reload()

  const stopping = new AbortController()
  const deps = {
    keys: () => ring,
    log,
    limits: { ...defaults, ...options.limits },
    stopping: stopping.signal,
  }
  const answer = (req: IncomingMessage, res: ServerResponse) => {
    const path = (req.url ?? '/').split('?', 1)[0]
    const route = `${req.method === 'HEAD' ? 'GET' : req.method} ${path}`
    if (route === 'GET /healthz') {
      const status = JSON.stringify({ status: 'ok', keys: ring.keys.length, keysVersion: ring.version })
      res.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(status)
    } else if (route === 'POST /v1/chat/completions') {
      handleChat(deps, req, res).catch((error: Error) => {
        log('error', 'turn failed', { reason: error.name })
        sendError(res, { status: 500, code: 'internal', message: 'The agent failed. Its log says more.' })
      })
    } else if (route === 'GET /') {
      const labels = ring.keys.map((key) => key.label || key.provider)
      res.writeHead(200, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      })
      res.end(page(options.name, labels))
    } else {
      const known = path === '/healthz' || path === '/' || path === '/v1/chat/completions'
      sendError(res, {
        status: known ? 405 : 404,
        code: known ? 'method-not-allowed' : 'not-found',
        message: 'This agent answers GET /, GET /healthz and POST /v1/chat/completions.',
      })
    }
  }

  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 120_000, maxHeaderSize: 32_768 },
    answer,
  )
  server.maxConnections = 512
  server.listen(options.port, options.host)
  await once(server, 'listening')
  const port = (server.address() as AddressInfo).port
  log('info', 'listening', { port })

  return {
    port,
    reload,
    async stop(graceMs) {
      const closed = new Promise((resolve) => server.close(resolve))
      // A connection whose turn has ended while we stop is idle, and nothing else closes it.
      const sweep = setInterval(() => server.closeIdleConnections(), 50)
      const cut = setTimeout(() => {
        stopping.abort()
        setTimeout(() => server.closeAllConnections(), 250).unref()
      }, graceMs)
      await closed
      clearInterval(sweep)
      clearTimeout(cut)
      wipeKeys(ring)
    },
  }
}
