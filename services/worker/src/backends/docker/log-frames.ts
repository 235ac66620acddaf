/** One message as the engine sends it: at most 16 KiB of a line. */
export type EngineFrame = {
  ts: string
  stream: 'stdout' | 'stderr'
  /** Without the line's end. */
  text: Buffer
  /** The line's end is not in it: it goes on in the stream's next frame, or the program ended without one. */
  partial: boolean
}

export type FrameReader = {
  /** The frames that are complete with these bytes. Throws `RangeError` for bytes that are no engine stream. */
  read(chunk: Buffer): EngineFrame[]
}

const headerBytes = 8
// 16 KiB of line and a timestamp; a larger length means that we have lost our place in the stream.
const largestFrame = 1024 * 1024
const newline = 0x0a
const space = 0x20

/**
 * Splits the engine's multiplexed log stream (8-byte header: stream, 3 zero bytes, big-endian length) with
 * `timestamps=1`. Holds on to at most one unfinished frame.
 */
export function frameReader(): FrameReader {
  let rest: Buffer = Buffer.alloc(0)
  return {
    read(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      const frames: EngineFrame[] = []
      let offset = 0
      while (bytes.length - offset >= headerBytes) {
        const length = bytes.readUInt32BE(offset + 4)
        const kind = bytes[offset]
        if (length > largestFrame || kind === undefined || kind > 2) throw new RangeError('not a log stream')
        const end = offset + headerBytes + length
        if (end > bytes.length) break
        frames.push(parse(kind, bytes, offset + headerBytes, end))
        offset = end
      }
      // A copy: a slice would keep the whole chunk alive.
      rest = Buffer.from(bytes.subarray(offset))
      return frames
    },
  }
}

function parse(kind: number, bytes: Buffer, begin: number, end: number): EngineFrame {
  const at = bytes.indexOf(space, begin)
  if (at < 0 || at >= end) throw new RangeError('a log frame without a timestamp')
  const complete = bytes[end - 1] === newline
  return {
    ts: bytes.toString('latin1', begin, at),
    stream: kind === 2 ? 'stderr' : 'stdout',
    text: bytes.subarray(at + 1, complete ? end - 1 : end),
    partial: !complete,
  }
}

/**
 * The engine's `since` for an RFC 3339 time with nanoseconds, moved by `shiftMs`: `seconds.nanoseconds`, never before
 * the epoch. Nanoseconds do not fit a JavaScript date, so the two halves are kept apart.
 */
export function sinceOf(ts: string, shiftMs: number): string {
  const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(ts) ?? []
  const whole = BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n
  const nanos = whole + BigInt(fraction.padEnd(9, '0').slice(0, 9) || '0') + BigInt(shiftMs) * 1_000_000n
  const positive = nanos > 0n ? nanos : 0n
  return `${positive / 1_000_000_000n}.${String(positive % 1_000_000_000n).padStart(9, '0')}`
}
