export type Usage = { promptTokens: number | null; completionTokens: number | null }
export type UsageMeter = { push(chunk: Buffer): void; read(): Usage }

const MAX_KEPT = 1024 * 1024
const unknown: Usage = { promptTokens: null, completionTokens: null }
const count = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : null)

function usageOf(json: string): Usage | null {
  try {
    const { usage } = JSON.parse(json) as { usage?: { prompt_tokens?: unknown; completion_tokens?: unknown } }
    if (!usage) return null
    return { promptTokens: count(usage.prompt_tokens), completionTokens: count(usage.completion_tokens) }
  } catch {
    return null // a provider's malformed frame goes to the caller as it is; only the count is lost
  }
}

/** Reads token counts out of a plain JSON answer as it passes; keeps at most 1 MiB of it. */
export function jsonUsage(): UsageMeter {
  const chunks: Buffer[] = []
  let size = 0
  return {
    push(chunk) {
      size += chunk.length
      if (size <= MAX_KEPT) chunks.push(chunk)
    },
    read: () => (size <= MAX_KEPT ? usageOf(Buffer.concat(chunks).toString('utf8')) : null) ?? unknown,
  }
}

/** Reads the last `usage` out of an event stream as it passes; keeps one line at a time. */
export function sseUsage(): UsageMeter {
  let rest = ''
  let usage: Usage = unknown
  const line = (text: string) => {
    if (text.startsWith('data:') && text.includes('"usage"')) usage = usageOf(text.slice(5)) ?? usage
  }
  return {
    push(chunk) {
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = (lines.pop() ?? '').slice(-MAX_KEPT)
      lines.forEach(line)
    },
    read() {
      line(rest)
      return usage
    },
  }
}
