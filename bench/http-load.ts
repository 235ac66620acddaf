import { connect, type Socket } from 'node:net'

export type Load = { requests: number; seconds: number; perSecond: number }

const headEnd = Buffer.from('\r\n\r\n')

/**
 * Asks for one thing again and again over `connections` kept-alive connections, each sending the next request when it has the
 * last answer, for `ms` milliseconds. It only frames the answers (status 200 and Content-Length), so that this process stays
 * cheaper than the one it measures. Throws at any other answer.
 */
export async function load(
  url: URL,
  headers: Record<string, string>,
  options: { connections: number; ms: number; signal: AbortSignal },
): Promise<Load> {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}\r\n`
  const begun = performance.now()
  const end = begun + options.ms
  const one = () => ask(url, request, end, options.signal)
  const counts = await Promise.all(Array.from({ length: options.connections }, one))
  const seconds = (performance.now() - begun) / 1000
  const requests = counts.reduce((sum, count) => sum + count, 0)
  return { requests, seconds, perSecond: requests / seconds }
}

function ask(url: URL, request: string, end: number, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port), signal })
    let answers = 0
    let missing = 0
    socket.setNoDelay(true)
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the server closed the connection')))
    socket.once('connect', () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      try {
        missing = missing > 0 ? missing - chunk.length : bodyOf(chunk)
      } catch (error) {
        return fail(socket, error, reject)
      }
      if (missing > 0) return
      answers++
      if (performance.now() < end) socket.write(request)
      else {
        socket.removeAllListeners('close')
        socket.destroy()
        resolve(answers)
      }
    })
  })
}

function fail(socket: Socket, error: unknown, reject: (error: unknown) => void): void {
  reject(error)
  socket.destroy()
}

/** How many bytes of the answer that begins with `chunk` are still to come. A head fits one chunk, since it comes in one write. */
function bodyOf(chunk: Buffer): number {
  const end = chunk.indexOf(headEnd)
  const head = chunk.toString('latin1', 0, end)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (end < 0 || !head.startsWith('HTTP/1.1 200') || length === undefined) {
    throw new Error(`not an answer to measure: ${chunk.toString('latin1', 0, 300)}`)
  }
  return Number(length) - (chunk.length - end - headEnd.length)
}
