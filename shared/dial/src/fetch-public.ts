import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { DialError, type DialOptions, dialPublic } from './public-dialer.ts'

export type PublicRequest = {
  method: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
}

export type PublicAnswer = { status: number; headers: Record<string, string>; body: Buffer }

export type FetchOptions = DialOptions & {
  /** Bytes an answer may have; default 256 KiB. More is a DialError. */
  mostBytes?: number
  /** Takes the beginning of an answer that has more bytes, or that breaks off, for enough: its status counts. */
  beginningWillDo?: boolean
}

/**
 * One HTTP request to a public address, over a connection of its own that `dialPublic` opened and looked at. Follows no
 * redirect, sends no cookie, reads a bounded body, and ends when `options.signal` aborts.
 * @throws DialError `destination-refused` when the address may not be dialled; `destination-unreachable` when nothing
 * answers, the connection breaks, the answer is too long, or the time is over.
 */
export async function fetchPublic(
  url: URL,
  asked: PublicRequest,
  options: FetchOptions,
): Promise<PublicAnswer> {
  const socket = await dialPublic(url, options)
  try {
    return await exchange(url, asked, socket, options)
  } finally {
    socket.destroy()
  }
}

function exchange(
  url: URL,
  asked: PublicRequest,
  socket: Socket,
  options: FetchOptions,
): Promise<PublicAnswer> {
  const { signal, mostBytes = 256 * 1024, beginningWillDo = false } = options
  return new Promise((resolve, reject) => {
    const fail = (words: string, cause?: unknown) =>
      reject(new DialError('destination-unreachable', words, { cause }))
    const broken = (cause: unknown) =>
      fail(signal.aborted ? 'it did not answer in time' : 'the connection broke before it answered', cause)
    const body = asked.body === undefined ? undefined : Buffer.from(asked.body)
    const sent = request({
      createConnection: () => socket,
      method: asked.method,
      path: `${url.pathname}${url.search}`,
      headers: {
        accept: 'application/json',
        'user-agent': 'nora',
        ...asked.headers,
        ...(body && { 'content-length': String(body.length) }),
        host: url.host,
        connection: 'close',
      },
      maxHeaderSize: 32 * 1024,
      signal,
    })
    sent.once('error', broken)
    // One that is answered 101 closes without an error; after an answer this comes too late to matter.
    let begun = false
    sent.once('close', () => {
      if (!begun || !beginningWillDo) broken(undefined)
    })
    sent.once('response', (response: IncomingMessage) => {
      begun = true
      const chunks: Buffer[] = []
      let bytes = 0
      const answered = () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: headersOf(response),
          body: Buffer.concat(chunks),
        })
      if (beginningWillDo) response.once('close', answered)
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        chunks.push(chunk)
        if (bytes <= mostBytes) return
        if (!beginningWillDo) fail('it answered more than can be read')
        response.destroy()
      })
      response.on('error', (error) => (beginningWillDo ? answered() : broken(error)))
      response.once('end', answered)
    })
    sent.end(body)
  })
}

/** A header that came twice keeps its first value where joining would change its meaning; Set-Cookie is nobody's here. */
function headersOf(response: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(response.headers).filter(
      (pair): pair is [string, string] => typeof pair[1] === 'string' && pair[0] !== 'set-cookie',
    ),
  )
}
