import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ProblemCode } from '@nora/contract/problem-titles'
import { bareHeaders } from './bare-headers.ts'
import { problemOf } from './problem.ts'

/** How long a peer may take to read the last answer of its connection. */
const lingerMs = 1_000

/**
 * A problem document as the bytes of an answer, for a socket that has no reply: what never became a request, or an
 * upgrade, whose response Node has already taken away. The connection ends with it.
 */
export function rawProblem(
  code: ProblemCode,
  {
    facts,
    detail,
    headers = {},
  }: { facts?: Record<string, unknown>; detail?: string; headers?: object } = {},
): string {
  const own = bareHeaders()
  const problem = problemOf(code, own['x-correlation-id'], facts, detail)
  const body = JSON.stringify(problem)
  const lines = Object.entries({
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    ...own,
    ...headers,
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`, ...lines, '', body].join('\r\n')
}

/** The last bytes of a connection. It is closed when the peer closes, or a moment later: whoever goes on sending is not waited for. */
export function endWith(socket: Duplex, text: string): void {
  const late = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(late))
  socket.end(text)
}
