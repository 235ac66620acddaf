import { execGone, streamClose } from '@nora/contract/streams'
import { workerOfExec } from '@nora/db/exec-tickets'
import { WebSocket } from 'ws'
import type { Deps } from '../deps.ts'
import type { OpenStream } from './admit-stream.ts'
import { streamCapability } from './capability.ts'
import { workersNow } from './choose-worker.ts'
import { closeNow } from './with-place.ts'

const handshakeMs = 5_000
const mostWorkers = 3
/** Bytes waiting for a slow side above which the other is not read any more, and below which it is again. */
const pauseAbove = 1024 * 1024
const resumeBelow = 512 * 1024
/** The worker's largest message is a screen of 64 KiB, or what a program printed at once. */
const maxFrame = 1024 * 1024
/** Closed by the client, which is done. */
const done = 1000
/** What of a worker's closing is for the client; everything else asks it to come again. */
const forClient = new Set<number>([done, 1008, 1009, ...Object.values(streamClose)])
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const cells = /^\d{1,4}$/

/**
 * Serves one terminal: bytes and frames pass between the browser and the worker as they are, and nothing of them is logged. A
 * session is the one worker's that began it: a socket that names one goes there, and is closed with 4404 when nobody has it.
 */
export const pipeExec = (deps: Deps) => async (stream: OpenStream) => {
  const { socket, query } = stream
  const session = query.get('session')
  const urls = session === null ? await anyWorkers(deps) : await itsWorker(deps, stream, session)
  for (const url of urls) if (await pipe(deps, stream, addressOf(url, query, session))) return
  if (session === null) closeNow(socket, streamClose.tryAgain, 'no worker answers')
  else closeNow(socket, streamClose.agentGone, execGone.session)
}

async function anyWorkers(deps: Deps): Promise<string[]> {
  return (await workersNow(deps)).slice(0, mostWorkers).map((worker) => worker.internalUrl)
}

async function itsWorker(deps: Deps, { actor, agentId }: OpenStream, session: string): Promise<string[]> {
  const url = uuid.test(session) ? await workerOfExec(deps.db, actor, { id: session, agentId }) : undefined
  return url === undefined ? [] : [url]
}

/** Resolves when the stream is over; false when the worker was not reached, and another may be tried. */
function pipe(deps: Deps, stream: OpenStream, url: URL): Promise<boolean> {
  const { socket, signal } = stream
  return new Promise((resolve) => {
    // Until it is there, what is typed waits in the paused socket.
    const source = new WebSocket(url, {
      headers: { 'x-nora-capability': streamCapability(deps, 'exec', stream) },
      perMessageDeflate: false,
      handshakeTimeout: handshakeMs,
      maxPayload: maxFrame,
      followRedirects: false,
    })
    let reached = false
    let closedWith: number | undefined
    const onClose = (code: number) => {
      closedWith = code
    }
    // A client that says it is done ends its session; one that drops may come back to it.
    const leave = () => (closedWith === done ? source.close(done) : source.terminate())
    const fromClient = (data: unknown, isBinary: boolean) => forward(socket, source, data, isBinary)
    if (signal.aborted) leave()
    signal.addEventListener('abort', leave, { once: true })
    socket.prependListener('close', onClose)
    source.on('open', () => {
      reached = true
      socket.on('message', fromClient)
      socket.resume()
    })
    source.on('message', (data, isBinary) => forward(source, socket, data, isBinary))
    source.on('error', (error) => deps.log.debug({ err: error }, 'a terminal’s stream from a worker failed'))
    source.on('close', (code, reason) => {
      signal.removeEventListener('abort', leave)
      socket.off('close', onClose)
      socket.off('message', fromClient)
      if (reached || signal.aborted) {
        const known = forClient.has(code) && code !== streamClose.ticket
        closeNow(socket, known ? code : streamClose.tryAgain, known ? reason : '')
      }
      resolve(reached || signal.aborted)
    })
  })
}

/**
 * Passes a message on; a side that does not take it holds the other back. What still comes from a side that was told to go is
 * dropped: whoever lost the right types nothing more.
 */
function forward(from: WebSocket, to: WebSocket, data: unknown, isBinary: boolean): void {
  if (from.readyState !== from.OPEN || to.readyState !== to.OPEN || !Buffer.isBuffer(data)) return
  to.send(data, { binary: isBinary }, () => {
    if (from.isPaused && to.bufferedAmount < resumeBelow) from.resume()
  })
  if (to.bufferedAmount > pauseAbove) from.pause()
}

function addressOf(internalUrl: string, query: URLSearchParams, session: string | null): URL {
  const url = new URL('/internal/exec', internalUrl.replace(/^http/, 'ws'))
  if (session !== null) url.searchParams.set('session', session)
  for (const name of ['cols', 'rows']) {
    const value = query.get(name)
    if (value !== null && cells.test(value)) url.searchParams.set(name, value)
  }
  return url
}
