import { request } from 'node:http'

export type Said = { status: number; text: string; message: string }

/** One request over a unix socket, its path and body to the letter. */
export function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<Said> {
  const bytes =
    body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return new Promise((resolve, reject) => {
    const headers = bytes ? { 'content-type': 'application/json', 'content-length': bytes.length } : {}
    const signal = AbortSignal.timeout(90_000)
    const sent = request({ socketPath, method, path, headers, signal }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        text += chunk
      })
      answer.once('error', reject)
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, text, message: messageIn(text) }))
    })
    sent.once('error', reject)
    sent.end(bytes)
  })
}

function messageIn(text: string): string {
  try {
    return String((JSON.parse(text) as { message?: string }).message ?? '')
  } catch {
    return ''
  }
}
