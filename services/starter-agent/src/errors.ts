import type { ServerResponse } from 'node:http'

/** An answer other than success: HTTP status, stable code, and a sentence that names the fix. */
export type ChatError = { status: number; code: string; message: string }

/**
 * An error in the shape OpenAI clients read (`{"error":{message,type,code}}`), so that an SDK pointed at this agent
 * shows our sentence and not "unknown error".
 */
export const errorBody = ({ code, message, status }: ChatError): string =>
  JSON.stringify({
    error: { message, type: status < 500 ? 'invalid_request_error' : 'agent_error', code, param: null },
  })

/** Sends the error, unless an answer has begun; then the connection is cut, since half an answer is not an answer. */
export function sendError(res: ServerResponse, error: ChatError): void {
  if (res.destroyed) return
  if (res.headersSent) {
    if (res.getHeader('content-type')?.toString().startsWith('text/event-stream')) {
      res.end(`data: ${errorBody(error)}\n\n`)
    } else res.destroy()
    return
  }
  const body = errorBody(error)
  res.writeHead(error.status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    // The rest of a refused body is not read: the connection cannot be used again.
    ...(res.req.complete ? {} : { connection: 'close' }),
  })
  res.end(body)
}
