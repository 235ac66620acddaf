import { setTimeout as delay } from 'node:timers/promises'
import { type LogsFrame, streamClose } from '@nora/contract/streams'
import { WebSocket } from 'ws'
import type { Deps } from '../deps.ts'
import type { OpenStream } from './admit-stream.ts'
import { streamCapability } from './capability.ts'
import { workersNow } from './choose-worker.ts'

/** Without any worker for this long the client is sent away to come again. */
const patienceMs = 30_000
const handshakeMs = 5_000
/** A worker that served for this long is tried again at once. */
const settledMs = 5_000
/** Bytes waiting for a slow reader above which the worker is not read any more, and below which it is again. */
const pauseAbove = 1024 * 1024
const resumeBelow = 512 * 1024
/** A frame has up to 50 lines of up to 64 KiB. */
const maxFrame = 8 * 1024 * 1024
const wholeNumber = /^\d{1,15}$/

/**
 * Serves one viewer of a log: reads frames from a worker and passes them on as they are. When the worker goes, another
 * takes over after the last line the viewer was sent, so nothing is lost or doubled. Ends with the viewer's socket, or
 * closes it: 1013 when no worker is to be had, or the worker's own verdict (4403, 4404).
 */
export const pipeLogs = (deps: Deps) => async (stream: OpenStream) => {
  stream.socket.resume()
  const place = startOf(stream.query)
  let aliveAt = deps.clock()
  let failed: string | undefined
  for (let attempt = 0; !stream.signal.aborted; attempt++) {
    // A reader that still has its fill must not be given more by every new worker.
    const full = stream.socket.bufferedAmount > pauseAbove
    const worker = full ? undefined : await chooseWorker(deps, failed)
    if (full) aliveAt = deps.clock()
    if (worker) {
      const began = deps.clock()
      const end = await follow(deps, stream, worker.internalUrl, place)
      if (end.verdict) {
        stream.socket.close(end.verdict)
        return
      }
      if (end.served) aliveAt = deps.clock()
      if (deps.clock() - began > settledMs) attempt = 0
      failed = worker.id
    }
    if (deps.clock() - aliveAt > patienceMs) {
      stream.socket.close(streamClose.tryAgain, 'no worker answers')
      return
    }
    await delay(Math.min(100 * 2 ** attempt, 2_000), undefined, { signal: stream.signal }).catch(
      () => undefined,
    )
  }
}

/** Where the viewer is: what it asked for until it has been sent something, then the last line or gap it was sent. */
type Place = { after: string | undefined; generation: string | undefined; lastFrame: Buffer | undefined }

function startOf(query: URLSearchParams): Place {
  const number = (name: string) => {
    const value = query.get(name)
    return value !== null && wholeNumber.test(value) ? value : undefined
  }
  return { after: number('after'), generation: number('generation'), lastFrame: undefined }
}

async function chooseWorker(deps: Deps, failed: string | undefined) {
  const workers = await workersNow(deps)
  return workers.find((worker) => worker.id !== failed) ?? workers[0]
}

/** `served`: a worker that really served, and so is a reason to be patient when it goes. */
type End = { served: boolean; verdict: number | undefined }

function follow(deps: Deps, stream: OpenStream, internalUrl: string, place: Place): Promise<End> {
  const { socket, signal } = stream
  return new Promise((resolve) => {
    const source = new WebSocket(addressOf(internalUrl, place), {
      headers: { 'x-nora-capability': streamCapability(deps, 'logs', stream) },
      perMessageDeflate: false,
      handshakeTimeout: handshakeMs,
      maxPayload: maxFrame,
      followRedirects: false,
    })
    let served = false
    const leave = () => source.terminate()
    signal.addEventListener('abort', leave, { once: true })
    source.on('message', (data, isBinary) => {
      served = true
      if (isBinary || !Buffer.isBuffer(data) || socket.readyState !== socket.OPEN) return
      if (movesOn(data)) place.lastFrame = data
      socket.send(data, { binary: false }, () => {
        if (source.isPaused && socket.bufferedAmount < resumeBelow) source.resume()
      })
      if (socket.bufferedAmount > pauseAbove) source.pause()
    })
    source.on('error', (error) => deps.log.debug({ err: error }, 'a stream from a worker failed'))
    source.on('close', (code) => {
      signal.removeEventListener('abort', leave)
      const final = code === streamClose.permission || code === streamClose.agentGone
      resolve({ served, verdict: final ? code : undefined })
    })
  })
}

function addressOf(internalUrl: string, place: Place): URL {
  const url = new URL('/internal/logs', internalUrl.replace(/^http/, 'ws'))
  const after = place.lastFrame === undefined ? place.after : String(lastSeq(place.lastFrame))
  if (after !== undefined) url.searchParams.set('after', after)
  if (place.generation !== undefined) url.searchParams.set('generation', place.generation)
  return url
}

// Only the newest frame is ever parsed, and only when a worker is lost: parsing each would cost more than passing it on.
const heads = ['{"type":"lines"', '{"type":"gap"'].map((head) => Buffer.from(head))
const movesOn = (frame: Buffer) => heads.some((head) => frame.subarray(0, head.length).equals(head))

function lastSeq(data: Buffer): number {
  const frame = JSON.parse(data.toString('utf8')) as LogsFrame
  if (frame.type === 'lines') return frame.lines.at(-1)?.seq ?? 0
  return frame.type === 'gap' ? frame.to : 0
}
