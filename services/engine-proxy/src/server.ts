import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Logger } from '@nora/log/logger'
import { type Engine, readAll } from './engine.ts'
import { hijack } from './hijack.ts'
import { engineCallOf, judgeRequest } from './judge.ts'
import { printable } from './policy/rules.ts'
import { Refusal } from './refusal.ts'
import type { Route } from './routes.ts'

export type ProxyDeps = { routes: readonly Route[]; engine: Engine; engineSocket: string; log: Logger }

export type Counts = { allowed: number; refused: number }

export type RunningProxy = {
  counts(): Counts
  /** Takes no more calls, and ends those under way. */
  stop(): Promise<void>
}

/** More than the worker has logs, events and terminals open at once. */
const mostConnections = 8_192
const passedOn = ['content-type', 'content-length', 'api-version'] as const

/** Listens on the socket, which its owner and group alone may open; resolves when it does. */
export async function startProxy(deps: ProxyDeps, socketPath: string): Promise<RunningProxy> {
  const counts: Counts = { allowed: 0, refused: 0 }
  const tell = refusals(deps.log, counts)
  const server = createServer(
    {
      insecureHTTPParser: false,
      maxHeaderSize: 64 * 1024,
      headersTimeout: 10_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 30_000,
      highWaterMark: 128 * 1024,
    },
    (req, res) => void handle(deps, counts, tell, req, res),
  )
  server.maxConnections = mostConnections
  // A terminal's connection is not the server's any more, and ends with it all the same.
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('upgrade', (req, socket, head) => void hijack(deps, counts, tell, req, socket, head))
  await listen(server, socketPath)
  return {
    counts: () => ({ ...counts }),
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

/** Created with its mode, so that there is no moment in which others may open it. */
async function listen(server: Server, socketPath: string): Promise<void> {
  const before = process.umask(0o117)
  try {
    server.listen(socketPath)
    await once(server, 'listening')
  } finally {
    process.umask(before)
  }
}

async function handle(
  deps: ProxyDeps,
  counts: Counts,
  tell: Tell,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const ending = new AbortController()
  // Whoever asked has gone: the engine need not go on.
  res.once('close', () => ending.abort())
  try {
    const request = { method: req.method ?? '', url: req.url ?? '', signal: ending.signal }
    const verdict = await judgeRequest(deps.routes, { ...request, body: bodyOf(req) })
    counts.allowed++
    if ('answer' in verdict) {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': verdict.answer.length })
      res.end(verdict.answer)
      return
    }
    const answer = await deps.engine.call(engineCallOf(verdict, ending.signal))
    verdict.archive?.fill(0)
    const headers = passedOn.flatMap((name) => {
      const value = answer.headers[name]
      return value === undefined ? [] : [[name, String(value)] as const]
    })
    res.writeHead(answer.statusCode ?? 502, Object.fromEntries(headers))
    // A log that nobody writes to has a beginning all the same.
    res.flushHeaders()
    await pipeline(answer, res)
  } catch (error) {
    answerFailure(res, tell(req, error))
  }
}

const bodyOf =
  (req: IncomingMessage) =>
  async (most: number): Promise<Buffer> => {
    const bytes = await readAll(req, most)
    if (bytes === undefined) throw new Refusal('the body is too large', 413)
    return bytes
  }

export type Tell = (req: IncomingMessage, error: unknown) => Refusal | undefined

/** Counts and logs what is refused, and tells once when the engine goes and when it is back. Undefined: the caller has gone. */
function refusals(log: Logger, counts: Counts): Tell {
  let lastAway = 0
  return (req, error) => {
    if (!(error instanceof Refusal)) {
      const { code, name } = error as NodeJS.ErrnoException
      const isGone = name === 'AbortError' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET'
      if (!isGone) log.error({ err: error }, 'a call failed')
      return isGone ? undefined : new Refusal('The call failed.', 500)
    }
    const call = { method: req.method, path: printable((req.url ?? '').split('?')[0] ?? '', 200) }
    if (error.status >= 500) {
      if (Date.now() - lastAway > 10_000)
        log.warn({ ...call, reason: error.message }, 'the engine does not answer')
      lastAway = Date.now()
    } else if (error.status !== 404) {
      counts.refused++
      log.warn({ ...call, reason: printable(error.message, 400), refused: counts.refused }, 'refused')
    }
    return error
  }
}

/** As the engine speaks; an answer that has begun can only be cut. */
function answerFailure(res: ServerResponse, refusal: Refusal | undefined): void {
  if (res.headersSent || !refusal) {
    res.destroy()
    return
  }
  const body = JSON.stringify({ message: refusal.message })
  res.writeHead(refusal.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    // What is left of the body is not waited for.
    connection: 'close',
  })
  res.end(body)
}
