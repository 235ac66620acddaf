export type PullEvent = { text: string } | { error: string }

export type PullProgress = {
  reference: string
  /** The events in the next bytes of the engine's answer; texts at most one a second. */
  read(chunk: Buffer): PullEvent[]
}

type EngineLine = {
  status?: string
  id?: string
  error?: string
  errorDetail?: { message?: string }
  progressDetail?: { current?: number; total?: number }
}

/** Reads the engine's stream of JSON lines about a pull into sentences for a person, and its errors. */
export function pullProgress(reference: string, now: () => number = Date.now): PullProgress {
  const layers = new Map<string, { current: number; total: number; done: boolean }>()
  let rest = ''
  let lastText = Number.NEGATIVE_INFINITY

  function take(line: EngineLine): PullEvent | undefined {
    const error = line.errorDetail?.message ?? line.error
    if (error !== undefined) return { error }
    if (line.id === undefined) return undefined
    const layer = layers.get(line.id) ?? { current: 0, total: 0, done: false }
    if (line.status === 'Downloading') {
      layer.current = line.progressDetail?.current ?? layer.current
      layer.total = line.progressDetail?.total ?? layer.total
    }
    if (/complete|already exists/i.test(line.status ?? '')) layer.done = line.status !== 'Download complete'
    // "latest: Pulling from library/x" carries the tag as id: no layer.
    if (!/^Pulling from/.test(line.status ?? '')) layers.set(line.id, layer)
    if (now() - lastText < 1000) return undefined
    lastText = now()
    return { text: sentence() }
  }

  function sentence(): string {
    const all = [...layers.values()]
    const done = all.filter((layer) => layer.done).length
    const bytes = all.reduce((sum, layer) => sum + (layer.done ? layer.total : layer.current), 0)
    const total = all.reduce((sum, layer) => sum + layer.total, 0)
    const size = total > 0 ? `, ${megabytes(bytes)} of ${megabytes(total)} MB` : ''
    return `pulling ${reference}: ${done} of ${all.length} layers${size}`
  }

  return {
    reference,
    read(chunk) {
      rest += chunk.toString('utf8')
      const lines = rest.split('\n')
      rest = lines.pop() ?? ''
      return lines.flatMap((text) => {
        if (text.trim() === '') return []
        const event = take(parse(text))
        return event ? [event] : []
      })
    },
  }
}

// A line that is no JSON tells nothing; the pull itself still ends with success or an error.
function parse(text: string): EngineLine {
  try {
    return JSON.parse(text) as EngineLine
  } catch {
    return {}
  }
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6)
