import type { Socket } from 'node:net'
import type { ProblemCode } from '@nora/contract/problem-titles'
import { endWith, rawProblem } from './raw-problem.ts'

const codes: Record<string, ProblemCode> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
}

/** Answers what never became a request (bad syntax, too long headers, too slow) with a problem document, and closes. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  endWith(socket, rawProblem(codes[error.code ?? ''] ?? 'bad-request'))
}
