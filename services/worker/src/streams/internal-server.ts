import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type AcceptedKeys, CapabilityError, type Claims, verifyCapability } from '@nora/crypto/capability'
import { reportSecurityEvent } from '@nora/db/fleet'
import { redact } from '@nora/log/redact'
import { type WebSocket, WebSocketServer } from 'ws'
import { sizeOf } from '../exec/requests.ts'
import type { ExecSessions } from '../exec/sessions.ts'
import { type LogStreamsDeps, logStreams } from './log-streams.ts'
import { closeCodes, type ViewerWish } from './viewer.ts'

export type InternalServerDeps = LogStreamsDeps & {
  exec: Pick<ExecSessions, 'serve'>
  /** Ed25519 public key, 32 raw bytes. */
  capabilityPublicKey: AcceptedKeys
  bind: string
  /** 0 for any free port. */
  port: number
  /** Facts for `GET /internal/healthz`: no secret, no tenant's data. */
  health: () => Record<string, unknown>
  /** Other limits of the door than its own: a test does not wait for those. */
  door?: Partial<typeof doorDefaults>
}

export type InternalServer = {
  /** What the api dials, `http://host:port`. */
  url: string
  /** Open streams, and the bytes that wait for their readers. */
  load(): { streams: number; bufferedBytes: number }
  /** Closes every stream with 1013, so that the api goes to another worker; then the port. */
  close(): Promise<void>
}

const closeGraceMs = 2_000
/** What a caller may take before anybody looks at a capability; `requestMs` is for headers and body together. */
const doorDefaults = { requestMs: 10_000, checkMs: 2_000, connections: 4_096 }
const mostHeaders = 64
const reportEveryMs = 10_000

/**
 * The worker's own port, for the api alone: `GET /internal/healthz`, `WS /internal/logs?after=&generation=` and `WS
 * /internal/exec?session=&cols=&rows=`, each with a capability (aud `worker`, op `logs` or `exec`, agent, workspace, sub, stream)
 * in `X-Nora-Capability`. Everything else is 404.
 */
export async function startInternalServer(deps: InternalServerDeps): Promise<InternalServer> {
  const streams = logStreams(deps)
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 64 * 1024, perMessageDeflate: false })
  let reportedAt = -reportEveryMs

  const door = { ...doorDefaults, ...deps.door }
  const options = {
    requestTimeout: door.requestMs,
    headersTimeout: door.requestMs,
    connectionsCheckingInterval: door.checkMs,
    maxHeaderSize: 8 * 1024,
  }
  const server = createServer(options, (request, response) => {
    const plain = isPlain(request)
    const known = plain && request.method === 'GET' && pathOf(request) === '/internal/healthz'
    const { status, body } = known ? healthOf(deps) : { status: 404, body: { code: 'not-found' } }
    response.writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      // Whoever sends a body that nobody wants is not waited for.
      ...(!plain && { connection: 'close' }),
    })
    response.end(JSON.stringify(body))
  })
  server.maxConnections = door.connections
  server.maxHeadersCount = 0 // they are counted by isPlain: older versions of Node left out what is beyond a number

  const served: Record<string, (ws: WebSocket, claims: Claims, query: URLSearchParams) => Promise<void>> = {
    logs: (ws, claims, query) => streams.serve(ws, claims, wishOf(query)),
    exec: (ws, claims, query) => {
      const wish = { session: query.get('session') ?? undefined, size: sizeOf(query) }
      return deps.exec.serve(ws, claims, wish)
    },
  }

  function refused(error: unknown, op: string): void {
    if (!(error instanceof CapabilityError)) throw error
    deps.log.warn({ reason: error.reason }, 'a capability was refused')
    if (performance.now() - reportedAt < reportEveryMs) return
    reportedAt = performance.now()
    const target = { kind: 'worker', id: op }
    const details = { reason: error.reason, audience: 'worker' }
    reportSecurityEvent(deps.db, { type: 'CAPABILITY_REFUSED', workspaceId: null, target, details }).catch(
      (failure) => deps.log.error({ err: failure }, 'a refused capability was not reported'),
    )
  }

  function verify(request: IncomingMessage, op: string): Claims | undefined {
    const token = request.headers['x-nora-capability']
    try {
      const expected = { audience: 'worker' as const, op }
      return verifyCapability(deps.capabilityPublicKey, typeof token === 'string' ? token : '', expected)
    } catch (error) {
      refused(error, op)
      return undefined
    }
  }

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', (error) => deps.log.debug({ err: error }, 'an internal socket broke'))
    const op = /^\/internal\/(logs|exec)$/.exec(pathOf(request) ?? '')?.[1]
    const serve = op && served[op]
    if (!serve || !isPlain(request)) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
      return
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      ws.on('error', (error) => deps.log.debug({ err: error, op }, 'a stream broke'))
      const claims = verify(request, op)
      if (!claims) return ws.close(closeCodes.ticket)
      serve(ws, claims, new URLSearchParams((request.url ?? '').split('?')[1] ?? '')).catch((error) => {
        deps.log.error({ err: error, op }, 'a stream failed')
        ws.close(closeCodes.tryAgain)
      })
    })
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(deps.port, deps.bind, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${deps.bind.includes(':') ? `[${deps.bind}]` : deps.bind}:${port}`,
    load: () => ({
      streams: sockets.clients.size,
      bufferedBytes: [...sockets.clients].reduce((sum, ws) => sum + ws.bufferedAmount, 0),
    }),
    async close() {
      streams.stop()
      for (const ws of sockets.clients) ws.close(closeCodes.tryAgain)
      const grace = setTimeout(() => {
        for (const ws of sockets.clients) ws.terminate()
      }, closeGraceMs)
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeIdleConnections()
      })
      clearTimeout(grace)
    },
  }
}

/** Words of errors pass the log's redactor here too; a fault of ours is a code and the id under which it is logged. */
function healthOf({ health, log }: InternalServerDeps): { status: number; body: unknown } {
  try {
    return { status: 200, body: redact({ status: 'ok', ...health() }) }
  } catch (error) {
    const correlationId = randomUUID()
    log.error({ err: error, correlationId }, 'the health could not be told')
    return { status: 500, body: { code: 'internal', correlationId } }
  }
}

/** Without a body, which nothing here takes, and with no more headers than our api sends. */
const isPlain = ({ headers, rawHeaders }: IncomingMessage) =>
  headers['content-length'] === undefined &&
  headers['transfer-encoding'] === undefined &&
  rawHeaders.length <= 2 * mostHeaders
const pathOf = (request: IncomingMessage) => (request.url ?? '').split('?')[0]

/** What is no number counts as not asked for: the api has checked it already. */
function wishOf(query: URLSearchParams): ViewerWish {
  const number = (name: string) => {
    const text = query.get(name) ?? ''
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined
  }
  return { after: number('after'), generation: number('generation') }
}
