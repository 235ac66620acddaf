import { createServer } from 'node:http'
import { waitUntil } from '@nora/testing/wait-until'

export type Provider = {
  /** What keys name as their base URL. */
  baseUrl: string
  /** The `Authorization` of each call so far. */
  authorizations: string[]
  close: () => Promise<void>
}

/**
 * An OpenAI-compatible stand-in: answers with the last four characters of the key it was called with, in three chunks when
 * asked to stream. It listens on a bridge of this machine, where agents reach it, as soon as that bridge is there.
 */
export async function startProvider(where: { host: string; port: number }): Promise<Provider> {
  const authorizations: string[] = []
  const server = createServer((request, response) => {
    const authorization = request.headers.authorization ?? ''
    authorizations.push(authorization)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.url === '/v1/models') return void response.end('{"object":"list","data":[]}')
      const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as {
        stream?: boolean
        model?: string
      }
      const words = ['Hello', ' from key ', authorization.slice(-4)]
      if (!body.stream) {
        response.setHeader('content-type', 'application/json')
        return void response.end(
          JSON.stringify({
            id: 'c1',
            object: 'chat.completion',
            model: body.model,
            choices: [
              { index: 0, message: { role: 'assistant', content: words.join('') }, finish_reason: 'stop' },
            ],
            usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
          }),
        )
      }
      response.setHeader('content-type', 'text/event-stream')
      for (const content of words) {
        response.write(
          `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`,
        )
      }
      response.end('data: [DONE]\n\n')
    })
  })
  await waitUntil(
    `an interface with the address ${where.host}`,
    () =>
      new Promise<boolean>((resolve, reject) => {
        server.once('error', reject)
        server.listen(where.port, where.host, () => resolve(true))
      }),
    { deadlineMs: 120_000, everyMs: 200 },
  )
  return {
    baseUrl: `http://${where.host}:${where.port}/v1`,
    authorizations,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
