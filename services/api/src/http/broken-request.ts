import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { ProblemCode } from '@nora/contract/problem-titles'
import { problemOf } from './problem.ts'

const answers: Record<string, { line: string; code: ProblemCode }> = {
  HPE_HEADER_OVERFLOW: { line: '431 Request Header Fields Too Large', code: 'bad-request' },
  ERR_HTTP_REQUEST_TIMEOUT: { line: '408 Request Timeout', code: 'bad-request' },
}

/** Answers what never became a request (bad syntax, too long headers, too slow) with a problem document, and closes. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const { line, code } = answers[error.code ?? ''] ?? {
    line: '400 Bad Request',
    code: 'bad-request' as const,
  }
  const correlationId = randomUUID()
  const body = JSON.stringify({ ...problemOf(code, correlationId), status: Number(line.slice(0, 3)) })
  socket.end(
    `HTTP/1.1 ${line}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Correlation-Id: ${correlationId}\r\nConnection: close\r\n\r\n${body}`,
  )
}
