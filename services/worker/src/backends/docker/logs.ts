import { BackendError, type LogCursor, type LogFrame } from '../backend.ts'
import { type Engine, pause } from './engine.ts'
import { toBackendError } from './errors.ts'
import { type EngineFrame, frameReader, sinceOf } from './log-frames.ts'
import { type LogPosition, logPosition } from './log-position.ts'
import { openLogStream } from './log-stream.ts'

const settleMs = 250
const slowConsumerMs = 1_000
const lateMs = 500
const trustedBytes = 1024 * 1024

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
): AsyncGenerator<LogFrame> {
  const position = logPosition(containerId, after?.containerId === containerId ? after : undefined)
  for (;;) {
    const running = await isRunning(engine, containerId, signal)
    yield* readHeld(engine, containerId, position, signal)
    if (!running) return
    const began = performance.now()
    yield* follow(engine, containerId, position, signal)
    // A container that is about to end closes its stream at once, before its state says so.
    if (performance.now() - began < 50) await pause(50, signal)
  }
}

async function isRunning(engine: Engine, id: string, signal: AbortSignal): Promise<boolean> {
  const { State: state } = await engine.call('looking at the container of the log', signal, (abortSignal) =>
    engine.docker.getContainer(id).inspect({ abortSignal }),
  )
  return state.Running || state.Paused || state.Restarting
}

async function* readHeld(
  engine: Engine,
  id: string,
  position: LogPosition,
  signal: AbortSignal,
): AsyncGenerator<LogFrame> {
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
        yield* position.take(readFrames(reader, chunk))
      }
    } finally {
      stream.close()
    }
  } while (position.missed())
}

const standsStill = () =>
  new BackendError('timeout', 'The Docker Engine stopped sending a log for 60 s.', { retry: true })

async function* follow(
  engine: Engine,
  id: string,
  position: LogPosition,
  signal: AbortSignal,
): AsyncGenerator<LogFrame> {
  // A few of the newest lines hold the cursor; asked for a time, the engine would look through all of its files.
  position.begin('live')
  const tail = position.started() ? { tail: 200 } : {}
  const stream = await openLogStream(engine, id, { follow: true, ...tail }, signal)
  const reader = frameReader()
  // One look at the newest line after opening, and after each stretch in which the engine may have rotated.
  let checkDue = true
  let missing = false
  let bytes = 0
  let bytesSinceCheck = 0
  try {
    for (;;) {
      const watchful = checkDue || missing || position.trust() === 'doubtful'
      const chunk = await stream.next(watchful ? settleMs : undefined)
      if (chunk === 'end') return
      if (chunk === 'silence') {
        if (missing || position.trust() === 'doubtful') return
        missing = await hasYounger(engine, id, position, signal)
        checkDue = false
        bytesSinceCheck = 0
        continue
      }
      missing = false
      bytes += chunk.length
      bytesSinceCheck += chunk.length
      checkDue ||= bytesSinceCheck > trustedBytes
      const frames = readFrames(reader, chunk)
      if (bytes > trustedBytes && isLate(frames.at(-1))) return
      const began = performance.now()
      yield* position.take(frames)
      // While the reader held us up, the engine may have rotated more than once.
      if (position.trust() === 'broken' || performance.now() - began > slowConsumerMs) return
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

function isLate(frame: EngineFrame | undefined): boolean {
  return frame !== undefined && Date.now() - Date.parse(frame.ts) > lateMs
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
