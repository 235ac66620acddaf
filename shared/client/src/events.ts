/** Events longer than this end the reading: nothing that is shown is that long. */
const mostBuffered = 4 * 1024 * 1024

/** Takes a stream of server-sent events apart: give it text as it comes, it gives the `data` of each event that is whole. */
export function eventParser(): (text: string) => string[] {
  let rest = ''
  let data: string[] = []
  return (text) => {
    rest += text
    // A CR at the end may be half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    if (rest.length > mostBuffered) throw new Error('an event is too long')
    const whole: string[] = []
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) whole.push(data.join('\n'))
        data = []
        continue
      }
      const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      if (name === 'data') data.push(value ?? '')
    }
    return whole
  }
}

/** Nothing came for too long. */
export class StreamSilent extends Error {}

/**
 * The events of an answer, as they come (the HTML standard's event streams). Ends with the answer. Raises `StreamSilent` when nothing
 * at all, not even a comment, came for `idleMs`, and what the connection or `signal` raises.
 */
export async function* readEvents(
  answer: Response,
  { idleMs, signal }: { idleMs: number; signal: AbortSignal },
): AsyncGenerator<string> {
  if (!answer.body) return
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  const parse = eventParser()
  try {
    for (;;) {
      const { done, value } = await withDeadline(reader.read(), idleMs, signal)
      if (done) {
        // An end without an empty line: what is whole is given all the same.
        yield* parse('\n\n')
        return
      }
      yield* parse(value)
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

function withDeadline<T>(work: Promise<T>, idleMs: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason)
    if (signal.aborted) return leave()
    const timer = setTimeout(() => reject(new StreamSilent('nothing came')), idleMs)
    signal.addEventListener('abort', leave, { once: true })
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', leave)
    })
  })
}
