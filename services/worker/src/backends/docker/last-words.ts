import { scrubText } from '@nora/log/scrub'
import type { Engine } from './engine.ts'
import { frameReader } from './log-frames.ts'
import { openLogStream } from './log-stream.ts'

const maxLines = 20
const maxBytes = 4096

/**
 * The last lines a container printed, for the person who wonders why it ended: at most 20 lines and 4 KiB, without
 * control characters and known token shapes. The agent's own keys are the caller's to take out: only it knows them.
 */
export async function lastWords(engine: Engine, containerId: string, signal: AbortSignal): Promise<string[]> {
  const stream = await openLogStream(engine, containerId, { follow: false, tail: maxLines }, signal)
  const reader = frameReader()
  const lines: string[] = []
  const pieces = { stdout: '', stderr: '' }
  try {
    for (;;) {
      const chunk = await stream.next(10_000)
      if (chunk === 'end' || chunk === 'silence') break
      for (const frame of reader.read(chunk)) {
        const line = pieces[frame.stream] + frame.text.toString('utf8')
        pieces[frame.stream] = frame.partial ? line : ''
        if (!frame.partial) lines.push(line)
      }
    }
  } finally {
    stream.close()
  }
  lines.push(...Object.values(pieces).filter((rest) => rest !== ''))
  return shorten(lines.slice(-maxLines).map(printable))
}

// An escape sequence would act on the reader's terminal; its letters alone would only look odd.
const escapeSequence = /\p{Cc}\[[0-9;?]*[ -/]*[@-~]/gu

function printable(line: string): string {
  return scrubText(line)
    .replaceAll(escapeSequence, '')
    .replaceAll(/\p{Cc}/gu, (control) => (control === '\t' ? '\t' : ''))
}

function shorten(lines: string[]): string[] {
  const kept: string[] = []
  let room = maxBytes
  for (const line of lines.toReversed()) {
    if (room <= 0) break
    const bytes = Buffer.from(line)
    kept.unshift(bytes.length <= room ? line : cut(bytes, room))
    room -= Math.min(bytes.length, room)
  }
  return kept
}

// At a whole character, with a sign that something is missing.
function cut(bytes: Buffer, room: number): string {
  const text = bytes.subarray(0, Math.max(0, room - 3)).toString('utf8')
  return `${text.replace(/\uFFFD$/, '')}…`
}
