import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Received = {
  path: string
  headers: IncomingHttpHeaders
  text: string
  header: { event_id: string }
  item: { type: string; length: number }
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  event: any
}

/** A stand-in of an ingest endpoint on loopback: keeps what it is sent. `answer` decides the status, or never answers. */
export async function startIngest(answer: () => number | 'never' = () => 200) {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const text = Buffer.concat(chunks).toString('utf8')
    const [header = '{}', item = '{}', event = '{}'] = text.split('\n')
    const parts = { header: JSON.parse(header), item: JSON.parse(item), event: JSON.parse(event) }
    received.push({ path: request.url ?? '', headers: request.headers, text, ...parts })
    const status = answer()
    if (status === 'never') return
    response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/elsewhere' } : {}).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    received,
    dsn: `http://0123456789abcdef0123456789abcdef@127.0.0.1:${port}/42`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
