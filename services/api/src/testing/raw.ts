import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { waitUntil } from '@nora/testing/wait-until'

/** One connection on which a test writes what it likes. */
export type RawConnection = {
  socket: Socket
  /** Everything the server has written. */
  said: () => string
  /** Waits until the server has written something that matches. */
  hears: (pattern: RegExp) => Promise<string>
  /** Waits until the connection is closed, and gives everything the server had written. */
  closed: () => Promise<string>
}

const deadlineMs = 60_000

/** @param from the address to call from: all of 127.0.0.0/8 is this machine. */
export async function rawConnection(url: string, from = '127.0.0.1'): Promise<RawConnection> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), localAddress: from })
  let said = ''
  let open = true
  socket.setEncoding('utf8').on('data', (data) => {
    said += data
  })
  socket.on('close', () => {
    open = false
  })
  await once(socket, 'connect')
  socket.on('error', () => undefined) // reset is closed, too
  return {
    socket,
    said: () => said,
    hears: async (pattern) => {
      await waitUntil(`${pattern} from the server`, () => pattern.test(said), { deadlineMs })
      return said
    },
    closed: async () => {
      await waitUntil('the server to close', () => !open, { deadlineMs })
      return said
    },
  }
}

/** Sends bytes as they are, and gives all that comes back until the server closes. */
export async function sendRaw(url: string, text: string): Promise<string> {
  const connection = await rawConnection(url)
  connection.socket.write(text)
  return connection.closed()
}

/** The statuses in what a server wrote. */
export const statusesIn = (said: string): number[] =>
  [...said.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
