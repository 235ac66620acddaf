import { once } from 'node:events'
import { connect } from 'node:net'

/** Bytes as they are, and whatever comes back until either side ends. */
export async function sendBytes(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (data) => {
    answer += data
    socket.end()
  })
  socket.on('error', () => socket.destroy())
  socket.write(text)
  await once(socket, 'close', { signal: AbortSignal.timeout(60_000) })
  return answer
}

/** What never becomes a request, or not a plain one, with a secret in each of its parts. */
export function brokenRequests(secret: (place: string) => string): string[] {
  const head = (line: string) => `${line}\r\nhost: x\r\nauthorization: Bearer ${secret('authorization')}\r\n`
  const json = 'connection: close\r\ncontent-type: application/json\r\ncontent-length:'
  const upgrade = (kind: string) =>
    [
      head(`GET /api/ws/${kind}/00000000-0000-4000-8000-000000000000?token=${secret('query')} HTTP/1.1`),
      'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      `sec-websocket-protocol: nora.v1, ticket.${secret('ticket')}\r\n\r\n`,
    ].join('')
  return [
    `${head(`GET /api/${secret('path')} HTTP/9.9`)}\r\n`,
    `${head('POST /api/auth/login HTTP/1.1')}${json} 40\r\n\r\n{"password":"${secret('body')}`.padEnd(600),
    `${head('GET /api/healthz HTTP/1.1')}${secret('name')}\x01: x\r\n\r\n`,
    `${head('GET /api/healthz HTTP/1.1')}x-long: ${secret('long')}${'x'.repeat(20_000)}\r\n\r\n`,
    `${head('POST /api/auth/signup HTTP/1.1')}${json} 300000\r\n\r\n{"password":"${secret('large')}"`,
    ...['logs', 'exec', 'nothing'].map(upgrade),
  ]
}
