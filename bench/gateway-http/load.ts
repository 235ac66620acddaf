import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

// A caller of few instructions, so that on two cores the proxy is what is measured: requests are bytes made before.

/** Bytes of the answer's head and body; the head ends at the empty line, and its content-length is believed. */
function answerBytes(first: Buffer): number {
  const head = first.indexOf('\r\n\r\n')
  const text = first.toString('latin1', 0, head)
  if (head < 0 || !text.startsWith('HTTP/1.1 200')) throw new Error(`not an answer: ${text.slice(0, 200)}`)
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  if (length === undefined) throw new Error('an answer without a length')
  return head + 4 + Number(length)
}

/** One request after the other on one connection, until `stop()`; gives how many were answered in full. */
async function converse(socket: Socket, next: () => Buffer, stop: () => boolean): Promise<number> {
  let answered = 0
  while (!stop()) {
    socket.write(next())
    let wanted = -1
    let received = 0
    await new Promise<void>((resolve, reject) => {
      const onData = (chunk: Buffer) => {
        try {
          if (wanted < 0) wanted = answerBytes(chunk)
        } catch (error) {
          done()
          reject(error)
          return
        }
        received += chunk.length
        if (received < wanted) return
        done()
        resolve()
      }
      const onClose = () => {
        done()
        reject(new Error('the connection was closed'))
      }
      const done = () => {
        socket.off('data', onData)
        socket.off('close', onClose)
      }
      socket.on('data', onData)
      socket.on('close', onClose)
    })
    answered += 1
  }
  return answered
}

export type Load = { answered: number; seconds: number }

/**
 * `connections` callers at once for `ms`; each finishes the request it is at.
 * Rejects when an answer is not a 200 with a length, and when a connection is closed.
 */
export async function load(
  port: number,
  {
    connections,
    ms,
    next,
    signal,
  }: { connections: number; ms: number; next: () => Buffer; signal: AbortSignal },
): Promise<Load> {
  const sockets = Array.from({ length: connections }, () =>
    connect({ host: '127.0.0.1', port, noDelay: true }),
  )
  try {
    for (const socket of sockets) socket.on('error', () => socket.destroy())
    await Promise.all(sockets.map((socket) => once(socket, 'connect', { signal })))
    const began = performance.now()
    const answered = await Promise.all(
      sockets.map((socket) => {
        let first = true
        const stop = () => {
          signal.throwIfAborted()
          const over = !first && performance.now() - began >= ms
          first = false
          return over
        }
        return converse(socket, next, stop)
      }),
    )
    return { answered: answered.reduce((sum, n) => sum + n, 0), seconds: (performance.now() - began) / 1000 }
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}
