import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type AcceptedKeys, capabilityVerifier } from '@nora/crypto/capability'
import type { AddressPolicy } from './addresses.ts'
import { controlHandler } from './control.ts'
import { faultLog } from './faults.ts'
import type { ForwardLimits } from './forward.ts'
import { invokeHandler } from './invoke.ts'
import type { Log } from './log.ts'
import { problems, rawProblem, sendProblem } from './problem.ts'
import { createRouteTable } from './routes.ts'

export type GatewayOptions = {
  /** The one address to listen on; ports 0 take any. */
  controlAddress: string
  controlPort: number
  invokePort: number
  /** Raw Ed25519 public keys: of the api, which invokes, and of the worker, which controls. */
  capabilityKey: AcceptedKeys
  controlKey: Buffer
  /** Which addresses may be dialled, and whose connections are taken. */
  allow: AddressPolicy
  acceptPeer: (remote: string | undefined) => boolean
  log: Log
  limits?: Partial<ForwardLimits & { connectMs: number }>
  doors?: Partial<DoorLimits>
}

/** What a caller may take before its call is looked at. Times in milliseconds; connections per listener. */
export type DoorLimits = {
  headMs: number
  checkMs: number
  controlConnections: number
  invokeConnections: number
}

export type Gateway = {
  controlPort: number
  invokePort: number
  bootId: string
  stop(graceMs: number): Promise<void>
}

/** Capabilities remembered as verified: at most 4 KiB of claims each, a few hundred bytes as the api makes them. */
const REMEMBERED = 4_096

const defaults = { connectMs: 5_000, headersMs: 120_000, idleMs: 300_000, bodyBytes: 1024 * 1024 * 1024 }

const doorDefaults: DoorLimits = {
  headMs: 10_000,
  checkMs: 5_000,
  controlConnections: 64,
  invokeConnections: 2_048,
}
/** More than the api takes from its callers, so that what it adds has room. */
const MOST_HEADERS = 128

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>

/** Starts both listeners; resolves when they listen. Rejects when an address or port is not to be had. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { allow, log } = options
  const { connectMs, ...limits } = { ...defaults, ...options.limits }
  const doors = { ...doorDefaults, ...options.doors }
  const bootId = randomUUID()
  const table = createRouteTable(allow, connectMs)
  const faults = faultLog()

  const listen = async (
    handler: Handler,
    port: number,
    timing: { requestTimeout: number; maxConnections: number },
  ) => {
    const server = createServer(
      {
        insecureHTTPParser: false,
        requireHostHeader: true,
        maxHeaderSize: 32 * 1024,
        headersTimeout: doors.headMs,
        keepAliveTimeout: 65_000, // longer than a caller's pool keeps a connection, so that the caller closes first
        requestTimeout: timing.requestTimeout,
        connectionsCheckingInterval: doors.checkMs,
        noDelay: true,
        // Twice what a socket reads at once: with the default, every full read would stop the stream for a turn.
        highWaterMark: 128 * 1024,
      },
      (req, res) => {
        if (req.rawHeaders.length > 2 * MOST_HEADERS) return sendProblem(res, problems.headers)
        handler(req, res).catch((error: Error) => {
          log('error', 'request failed', { reason: error.name })
          faults.note(error)
          sendProblem(res, problems.unreachable)
        })
      },
    )
    server.maxConnections = timing.maxConnections
    // With a number here, Node before 24.18.1 left out what is beyond it, a body's framing too, and went on as if it had not
    // been sent (CVE-2026-58044). They are counted above.
    server.maxHeadersCount = 0
    server.on('connection', (socket: Socket) => {
      if (!options.acceptPeer(socket.remoteAddress)) socket.destroy()
    })
    server.on('upgrade', (_req, socket) => {
      socket.on('error', () => socket.destroy())
      socket.end(rawProblem(problems.upgrade), () => socket.destroy())
    })
    server.listen(port, options.controlAddress)
    await once(server, 'listening')
    return server
  }

  const control = await listen(
    controlHandler({ table, verify: capabilityVerifier(options.controlKey), allow, bootId, log, faults }),
    options.controlPort,
    { requestTimeout: doors.headMs, maxConnections: doors.controlConnections },
  )
  // Calls come again and again with one capability: its signature costs more than all else that a small call needs.
  const verify = capabilityVerifier(options.capabilityKey, { remember: REMEMBERED })
  const invoke = await listen(
    invokeHandler({ table, verify, limits, log }),
    options.invokePort,
    // A long upload is fine as long as it moves: idleMs watches that, an hour bounds it.
    { requestTimeout: 3_600_000, maxConnections: doors.invokeConnections },
  )
  const portOf = (server: Server) => (server.address() as AddressInfo).port
  log('info', 'listening', { bootId, control: portOf(control), invoke: portOf(invoke) })

  return {
    controlPort: portOf(control),
    invokePort: portOf(invoke),
    bootId,
    async stop(graceMs) {
      const servers = [control, invoke]
      const closed = Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
      const each = (close: (server: Server) => void) => () => {
        for (const server of servers) close(server)
      }
      const sweep = setInterval(
        each((server) => server.closeIdleConnections()),
        50,
      )
      const cut = setTimeout(
        each((server) => server.closeAllConnections()),
        graceMs,
      )
      await closed
      clearInterval(sweep)
      clearTimeout(cut)
      table.close()
    },
  }
}
