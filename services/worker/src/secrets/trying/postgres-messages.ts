import type { Socket } from 'node:net'
import { broken, incomingOf } from './incoming.ts'

const protocol = 196_608 // 3.0
const mostBody = 32 * 1024

export type Messages = ReturnType<typeof messagesOf>
type Message = { type: string; body: Buffer }

/** PostgreSQL's messages (chapter 55) over a connection, as a client sees them. */
export function messagesOf(socket: Socket, signal: AbortSignal) {
  const incoming = incomingOf(socket, signal)
  const say = (type: string, body: Buffer) => {
    const head = Buffer.alloc(5)
    head.write(type, 'latin1')
    head.writeInt32BE(body.length + 4, 1)
    socket.write(Buffer.concat([head, body]))
  }
  return {
    say,
    end: incoming.end,
    byte: () =>
      incoming.next((received) =>
        received.length < 1 ? undefined : { value: received.toString('latin1', 0, 1), taken: 1 },
      ),
    next: () => incoming.next(readMessage),
    start: (parameters: Record<string, string>) => {
      const pairs = Object.entries(parameters).map(([name, value]) => `${name}\0${value}\0`)
      const body = Buffer.from(`${pairs.join('')}\0`)
      const head = Buffer.alloc(8)
      head.writeInt32BE(body.length + 8, 0)
      head.writeInt32BE(protocol, 4)
      socket.write(Buffer.concat([head, body]))
    },
    saySasl: (mechanism: string, first: Buffer) => {
      const length = Buffer.alloc(4)
      length.writeInt32BE(first.length)
      say('p', Buffer.concat([Buffer.from(`${mechanism}\0`), length, first]))
    },
  }
}

/** The first whole message of what came; undefined while there is none. @throws DialError */
export function readMessage(received: Buffer): { value: Message; taken: number } | undefined {
  if (received.length < 5) return undefined
  const type = String.fromCharCode(received[0]!)
  const length = received.readInt32BE(1) - 4
  // An answer about signing in begins with four bytes that say which.
  if (length < (type === 'R' ? 4 : 0) || length > mostBody) throw broken('it speaks another protocol')
  if (received.length < 5 + length) return undefined
  return { value: { type, body: received.subarray(5, 5 + length) }, taken: 5 + length }
}
