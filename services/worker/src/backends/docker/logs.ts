import { BackendError, type LogCursor, type LogFrame } from '../backend.ts'
import { type Engine, pause } from './engine.ts'
import { toBackendError } from './errors.ts'
import { type EngineFrame, frameReader, sinceOf } from './log-frames.ts'
import { type LogPosition, logPosition } from './log-position.ts'
import { openLogStream } from './log-stream.ts'

const settleMs = 250
const slowConsumerMs = 1_000
const trustedBytes = 1024 * 1024
const fewestLines = 200
const mostLines = 100_000
/** How much of the time since the cursor a first tail is made for: one that is too short costs little, one too long much. */
const firstGuessMs = 100

/**
 * Every frame of a container's log after the cursor, in the order in which the engine wrote them; ends when the
 * container does not run and all was read.
 *
 * Reading what the engine holds is exact: it opens all its files at once. Following is not: a reader that falls
 * behind by two rotations loses a file, one that opens during a rotation may wait for ever, some see lines twice
 * (Engine 20.10). So a follower only shortens the wait: whenever it may have missed or repeated something it is
 * dropped, and what is held is read again from the cursor. What was rotated away meanwhile shows as `gapBefore`.
 * Back-pressure reaches the engine's socket; no more than a chunk is in memory.
 */
export async function* containerLogs(
  engine: Engine,
  containerId: string,
  after: LogCursor | undefined,
  signal: AbortSignal,
): AsyncGenerator<LogFrame[]> {
  const { fileBytes, ...first } = await look(engine, containerId, signal)
  const cursor = after?.containerId === containerId ? after : undefined
  const position = logPosition(containerId, cursor, fileBytes)
  let { running } = first
  let newest: number | undefined
  for (;;) {
    // After a loss or a repetition the newest lines, which are exact too, are tried first: they are found at once.
    if (newest === undefined || !running) {
      newest = fewestLines + (yield* readHeld(engine, containerId, position, signal))
    }
    if (!running) return
    const began = performance.now()
    newest = yield* follow(engine, containerId, position, newest, signal)
    // A container that is about to end closes its stream at once, before its state says so.
    if (newest === undefined && performance.now() - began < 50) await pause(50, signal)
    running = (await look(engine, containerId, signal)).running
  }
}

type Looked = { running: boolean; fileBytes: number }

/** Whether the container runs, and how large its log grows before the engine rotates it. */
async function look(engine: Engine, id: string, signal: AbortSignal): Promise<Looked> {
  const { State: state, HostConfig: host } = await engine.call(
    'looking at the container of the log',
    signal,
    (abortSignal) => engine.docker.getContainer(id).inspect({ abortSignal }),
  )
  const fileBytes = bytesOf(host.LogConfig?.Config?.['max-size'])
  return { running: state.Running || state.Paused || state.Restarting, fileBytes }
}

/** The engine's own notation, such as `10m`; without one the log is not rotated. */
function bytesOf(size: string | undefined): number {
  const [, digits, unit = ''] = /^(\d+)([kmg]?)/i.exec(size ?? '') ?? []
  if (digits === undefined) return Number.POSITIVE_INFINITY
  return Number(digits) * 1000 ** ' kmg'.indexOf(unit.toLowerCase() || ' ')
}

/** Gives how many frames it delivered. */
async function* readHeld(
  engine: Engine,
  id: string,
  position: LogPosition,
  signal: AbortSignal,
): AsyncGenerator<LogFrame[], number> {
  let count = 0
  do {
    const from = position.begin('held')
    const since = from ? { since: sinceOf(from.from, -from.marginMs) } : {}
    const stream = await openLogStream(engine, id, { follow: false, ...since }, signal)
    const reader = frameReader()
    try {
      for (;;) {
        const chunk = await stream.next(60_000)
        if (chunk === 'silence') throw standsStill()
        if (chunk === 'end') break
        const frames = position.take(readFrames(reader, chunk))
        if (frames.length === 0) continue
        count += frames.length
        yield frames
      }
    } finally {
      stream.close()
    }
  } while (position.missed())
  return count
}

const standsStill = () =>
  new BackendError('timeout', 'The Docker Engine stopped sending a log for 60 s.', { retry: true })

/**
 * Gives how many of the newest lines hold the cursor in all likelihood, when these should be enough to go on; undefined
 * when what is held must be read. (Asked for a time, the engine would look through all of its files; the newest lines
 * it finds from the end.)
 */
async function* follow(
  engine: Engine,
  id: string,
  position: LogPosition,
  newest: number,
  signal: AbortSignal,
): AsyncGenerator<LogFrame[], number | undefined> {
  const tail = position.isShorterThan(newest) ? {} : { tail: Math.min(newest, mostLines) }
  position.begin('tail' in tail ? 'tail' : 'live')
  const stream = await openLogStream(engine, id, { follow: true, ...tail }, signal)
  const reader = frameReader()
  const opened = performance.now()
  // One look at the newest line after opening, and after each stretch in which the engine may have rotated.
  let checkDue = true
  let missing = false
  let bytesSinceCheck = 0
  let delivered = 0
  try {
    for (;;) {
      const watchful = checkDue || missing || position.trust() === 'doubtful'
      const chunk = await stream.next(watchful ? settleMs : undefined)
      if (chunk === 'end') return undefined
      if (chunk === 'silence') {
        if (missing || position.trust() === 'doubtful') return undefined
        missing = await hasYounger(engine, id, position, signal)
        checkDue = false
        bytesSinceCheck = 0
        continue
      }
      missing = false
      bytesSinceCheck += chunk.length
      checkDue ||= bytesSinceCheck > trustedBytes
      const frames = position.take(readFrames(reader, chunk))
      const began = performance.now()
      delivered += frames.length
      if (frames.length > 0) yield frames
      const trust = position.trust()
      if (trust === 'too-late') return newest < mostLines ? 4 * newest : undefined
      if (trust === 'broken') {
        const perMs = delivered / (began - opened)
        return delivered === 0 || position.mustReadAll()
          ? undefined
          : fewestLines + Math.ceil(1.5 * perMs * Math.min(position.ageMs(), firstGuessMs))
      }
      // While the reader held us up, the engine may have rotated more than once.
      if (performance.now() - began > slowConsumerMs) return undefined
    }
  } finally {
    stream.close()
  }
}

function readFrames(reader: ReturnType<typeof frameReader>, chunk: Buffer): EngineFrame[] {
  try {
    return reader.read(chunk)
  } catch (error) {
    throw toBackendError(error, 'reading the log')
  }
}

async function hasYounger(
  engine: Engine,
  id: string,
  position: LogPosition,
  signal: AbortSignal,
): Promise<boolean> {
  const stream = await openLogStream(engine, id, { follow: false, tail: 1 }, signal)
  const reader = frameReader()
  let newest = ''
  try {
    for (;;) {
      const chunk = await stream.next(30_000)
      if (chunk === 'end' || chunk === 'silence') break
      newest = readFrames(reader, chunk).at(-1)?.ts ?? newest
    }
  } finally {
    stream.close()
  }
  return newest > (position.newest() ?? '')
}
