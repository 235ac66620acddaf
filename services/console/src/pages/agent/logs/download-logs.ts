import type { ApiClient } from '@nora/client/client'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import type { LogPage } from '@nora/contract/agent-history'
import type { LogRow } from './log-buffer.ts'
import { rowsOf } from './log-feed.ts'
import { rowText } from './log-text.ts'

const linesAtOnce = 1_000

/** Rows as the text of a file. */
export const textOf = (rows: readonly LogRow[], withTimes: boolean): string =>
  rows.map((row) => `${rowText(row, withTimes)}\n`).join('')

/** Hands a text to the browser as a file to keep. */
export function saveFile(name: string, content: Blob): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** A file name that every system takes. */
export const logFileName = (agent: string, now = new Date()): string =>
  `${agent.replace(/[^A-Za-z0-9._-]+/g, '-')}-${now.toISOString().replace(/[:.]/g, '-')}.log`

/** Everything that is kept of an agent's log, page by page; `onProgress` hears how many lines there are so far. */
export async function readWholeLog(
  api: ApiClient,
  agentId: string,
  { onProgress, signal }: { onProgress: (lines: number) => void; signal: AbortSignal },
): Promise<Blob> {
  let whole = new Blob([], { type: 'text/plain;charset=utf-8' })
  let lines = 0
  let after: number | undefined = 0
  while (after !== undefined) {
    const query: { after: number; limit: number } = { after, limit: linesAtOnce }
    const call = (): Promise<LogPage> =>
      unwrap(api.GET('/api/agents/{id}/logs', { params: { path: { id: agentId }, query }, signal }))
    const page = await call().catch((error: unknown) => again(error, call, signal))
    // Blobs are kept by the browser, on disk if they are large.
    whole = new Blob([whole, textOf(rowsOf(page.items), true)], { type: whole.type })
    lines += page.items.length
    onProgress(lines)
    after = page.nextCursor === null ? undefined : Number(page.nextCursor)
  }
  return whole
}

/** Too much at once is waited for; anything else is no reason to ask again. */
async function again<T>(error: unknown, call: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const seconds = error instanceof ApiProblem ? error.problem['retryAfterSeconds'] : undefined
  if (typeof seconds !== 'number') throw error
  await new Promise((resolve, reject) => {
    setTimeout(resolve, seconds * 1000)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return call()
}
