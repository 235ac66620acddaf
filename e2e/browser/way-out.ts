import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'

/**
 * The one way out of a browser's own network: SOCKS 5 (RFC 1928) on the socket `socks` in a folder. It leads to this machine's
 * loopback, whatever name under `localhost` is asked for, and nowhere else: a browser asks its maker about passwords and forms.
 */
export async function openWayOut(folder: string) {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    lead(socket).catch(() => socket.destroy())
  })
  server.listen(join(folder, 'socks'))
  await once(server, 'listening')
  return {
    close(): void {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

const answer = (code: number) => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])
const [granted, notAllowed, unreachable] = [0, 2, 5]

async function lead(socket: Socket): Promise<void> {
  const take = reader(socket)
  const [, methods = 0] = await take(2)
  await take(methods)
  socket.write(Buffer.from([5, 0]))
  const [, , , kind = 0] = await take(4)
  const host = await hostOf(kind, take)
  const port = (await take(2)).readUInt16BE()
  if (!/^(127\.0\.0\.1|([^.]+\.)*localhost)$/.test(host)) {
    socket.end(answer(notAllowed))
    return
  }
  const onward = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('close', () => onward.destroy())
  try {
    await once(onward, 'connect')
  } catch {
    socket.end(answer(unreachable))
    return
  }
  onward.on('close', () => socket.destroy())
  onward.on('error', () => socket.destroy())
  socket.write(answer(granted))
  socket.pipe(onward)
  onward.pipe(socket)
}

/** As SOCKS 5 writes them: 1 an IPv4 address, 3 a name, 4 an IPv6 address. */
async function hostOf(kind: number, take: (bytes: number) => Promise<Buffer>): Promise<string> {
  if (kind === 3) return (await take((await take(1))[0] ?? 0)).toString('latin1')
  const address = await take(kind === 1 ? 4 : 16)
  return kind === 1 ? [...address].join('.') : `[${address.toString('hex')}]`
}

/** Gives the next bytes, as many as are asked for; throws when the other side ends before. */
function reader(socket: Socket) {
  return async (bytes: number): Promise<Buffer> => {
    if (bytes === 0) return Buffer.alloc(0)
    for (;;) {
      const chunk = socket.read(bytes) as Buffer | null
      if (chunk?.length === bytes) return chunk
      if (socket.readableEnded || socket.destroyed) throw new Error('ended early')
      await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')])
    }
  }
}
