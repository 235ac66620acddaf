import type { IncomingMessage } from 'node:http'
import { streamClose, streamProtocol } from '@nora/contract/streams'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ApiSettings, Deps } from '../deps.ts'
import type { AccessClaims } from './access-tokens.ts'
import { readCredential } from './credentials.ts'
import { endWith, rawProblem } from './raw-problem.ts'

/** A request to open a stream, before anybody has looked at its ticket. */
export type StreamRequest = {
  /** Of the agent, or what else the path names; empty where it names nothing. */
  id: string
  query: URLSearchParams
  ticket: string
  /** The session's claims; undefined when there is none that verifies. */
  claims: AccessClaims | undefined
}
/** Decides about a request: the close code with which it is refused, or what to do with the open socket. */
export type Admit = (request: StreamRequest) => Promise<number | ((socket: WebSocket) => void)>

/** Bytes one message of a client may have (RFC 6455 close 1009 beyond). */
const maxPayload = 64 * 1024
const mostWaiting = 256
const ticketForm = /^ticket\.([A-Za-z0-9_-]{22,128})$/
const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'

/** Where a kind of stream is asked for, and whose credentials are looked at there. */
export type Door = {
  /** What the path begins with, and what the authorization matrix calls the whole of it. */
  prefix: string
  url: string
  /** The whole path; its first group is the id. */
  path: RegExp
  readCredentials: (app: FastifyInstance, config: ApiSettings, request: IncomingMessage) => Claims | Refusal
}
type Claims = Pick<StreamRequest, 'claims'>

/** `/api/ws/<kind>/<id>`, for sessions of the console. */
export const consoleDoor = (kind: string): Door => ({
  prefix: `/api/ws/${kind}/`,
  url: `/api/ws/${kind}/:id`,
  path: new RegExp(`^/api/ws/${kind}/(${uuid})$`),
  readCredentials,
})

/**
 * Serves a door. What is wrong with the request itself (subprotocol, Origin, two kinds of
 * credentials) is answered with plain HTTP; what is wrong with session, ticket or permission is told by a close code,
 * since a browser's script sees nothing else. Sockets are closed with 1013 when the api stops.
 */
export function serveStreams(app: FastifyInstance, deps: Deps, door: Door, admit: Admit): void {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    handleProtocols: () => streamProtocol,
  })
  // What is no handshake (RFC 6455 4.2.1), which the library would answer in its own words.
  server.on('wsClientError', (_error, socket) => endWith(socket, rawProblem('bad-request', noHandshake)))
  let waiting = 0
  let closing = false

  app.onUpgrade(door, (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://api')
    const found = door.path.exec(url.pathname)
    if (!found) {
      endWith(socket, rawProblem('not-found'))
      return
    }
    if (closing || waiting >= mostWaiting) {
      socket.destroy()
      return
    }
    const read = readUpgrade(app, deps.config, door, request)
    if ('code' in read) {
      endWith(socket, rawProblem(read.code, { detail: read.detail }))
      return
    }
    waiting++
    admit({ id: found[1] ?? '', query: url.searchParams, ...read })
      .catch((error: unknown) => {
        deps.log.error({ err: error }, 'a stream could not be admitted')
        return streamClose.tryAgain
      })
      .then((verdict) => {
        if (socket.destroyed) return
        server.handleUpgrade(request, socket, head, (ws) => open(ws, verdict))
      })
      .finally(() => waiting--)
  })

  const open = (ws: WebSocket, verdict: Awaited<ReturnType<Admit>>) => {
    ws.on('error', (error) => deps.log.debug({ err: error }, 'a socket failed'))
    if (closing) ws.close(streamClose.tryAgain)
    else if (typeof verdict === 'number') ws.close(verdict)
    else verdict(ws)
  }

  // Before the server closes: it waits for its connections, and an open socket is one.
  app.addHook('preClose', async () => {
    closing = true
    for (const ws of server.clients) ws.close(streamClose.tryAgain, 'the api is stopping')
    const cut = setTimeout(() => {
      for (const ws of server.clients) ws.terminate()
    }, 1_000)
    cut.unref()
  })
}

type Refusal = { code: 'bad-request' | 'csrf-failed'; detail: string }

function readUpgrade(
  app: FastifyInstance,
  config: ApiSettings,
  door: Door,
  request: IncomingMessage,
): Pick<StreamRequest, 'ticket' | 'claims'> | Refusal {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((part) => part.trim())
  const tickets = offered.flatMap((part) => ticketForm.exec(part)?.[1] ?? [])
  if (!offered.includes(streamProtocol) || tickets.length !== 1 || offered.length !== 2) {
    return bad(`Sec-WebSocket-Protocol must be ${streamProtocol}, ticket.<ticket>`)
  }
  const read = door.readCredentials(app, config, request)
  return 'code' in read ? read : { ...read, ticket: tickets[0]! }
}

/** A cookie of the console's and its Origin, or a bearer token and neither. */
function readCredentials(
  app: FastifyInstance,
  config: ApiSettings,
  request: IncomingMessage,
): Claims | Refusal {
  const { authorization, cookie, origin } = request.headers
  if (authorization !== undefined) {
    // A browser cannot send Authorization here: whoever does is a program, which has neither of the others.
    if (cookie !== undefined || origin !== undefined)
      return bad('Authorization allows neither Cookie nor Origin')
  } else if (origin === undefined || (origin !== config.publicUrl && !config.corsOrigins.includes(origin))) {
    return otherOrigin
  }
  const credential = readCredential(config, withCookies(app, request))
  const claims = credential && app.accessTokens.verify(credential.token)
  return { claims: claims?.transport === credential?.transport ? claims : undefined }
}

/** The request as those see it who look for cookies in it. */
export function withCookies(app: FastifyInstance, { headers }: IncomingMessage): FastifyRequest {
  const cookies = headers.cookie === undefined ? {} : app.parseCookie(headers.cookie)
  return { headers, cookies } as FastifyRequest
}

/** The refusals of a door. */
export const otherOrigin: Refusal = { code: 'csrf-failed', detail: 'this Origin is not allowed' }
const noHandshake = {
  detail: 'this is no WebSocket handshake of version 13',
  headers: { 'sec-websocket-version': '13' },
}
export const bad = (detail: string): Refusal => ({ code: 'bad-request', detail })
