import type { IncomingMessage } from 'node:http'
import type { ChatError } from './errors.ts'

const refuse = (status: number, code: string, message: string): { error: ChatError } => ({
  error: { status, code, message },
})

/** Reads a JSON object of at most `limit` bytes, or says why it is none. Leaves the connection open for the answer. */
export async function readJsonBody(
  req: IncomingMessage,
  limit: number,
): Promise<{ body: Record<string, unknown> } | { error: ChatError }> {
  if (!/^application\/json\b/i.test(req.headers['content-type'] ?? '')) {
    return refuse(415, 'json-required', 'Send "content-type: application/json".')
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > limit) return refuse(413, 'body-too-large', `A request may have ${limit} bytes.`)
    chunks.push(chunk)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) {
      return { body: body as Record<string, unknown> }
    }
  } catch {
    return refuse(400, 'json-invalid', 'The body is not JSON.')
  }
  return refuse(400, 'json-invalid', 'The body must be a JSON object.')
}
