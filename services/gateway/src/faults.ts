export type Fault = { at: string; name: string; stack: string }
export type FaultLog = {
  note(error: unknown): void
  /** How many there were, and the last of them. */
  told(): { count: number; last: Fault | null }
}

const mostFrames = 12

/**
 * What failed here by a fault of ours, for the worker to ask after: the gateway opens no connection but to agents, so it reports
 * to nobody itself. Of an error it keeps the name and the places in our code; its words may hold what came from a request.
 */
export function faultLog(): FaultLog {
  let count = 0
  let last: Fault | null = null
  return {
    note(error) {
      count++
      const name = error instanceof Error && /^\w{1,60}$/.test(error.name) ? error.name : 'Error'
      last = { at: new Date().toISOString(), name, stack: placesOf(error) }
    },
    told: () => ({ count, last }),
  }
}

/** The lines of the stack behind the error's own words, which may look like one of them. */
function placesOf(error: unknown): string {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return ''
  const words = String(error)
  if (!error.stack.startsWith(words)) return ''
  const lines = error.stack.slice(words.length).split('\n')
  return lines
    .filter((line) => /^ {4}at \S/.test(line))
    .slice(0, mostFrames)
    .join('\n')
}
