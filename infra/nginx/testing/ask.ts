import { once } from 'node:events'
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
} from 'node:http'
import { request, type RequestOptions as TlsRequestOptions } from 'node:https'
import { connect, type SecureContextOptions, type TLSSocket } from 'node:tls'
import { waitUntil } from '@nora/testing/wait-until'
import { type Edge, publicHost } from './start-edge.ts'

export type Got = { status: number; headers: IncomingHttpHeaders; text: string; bytes: Buffer }

type Asked = {
  /** Whose name is called, in the handshake and in Host. */
  host?: string
  /** Another name in Host than in the handshake. */
  saying?: string
  method?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
  /** The address to call from: all of 127.0.0.0/8 is this machine. */
  from?: string
  /** What the client's side of TLS offers. */
  tls?: SecureContextOptions
  signal?: AbortSignal
}

/** A request over TLS, its path sent as it is. */
export const ask = (edge: Edge, path: string, asked: Asked = {}): Promise<Got> => {
  const { host = publicHost, saying = host } = asked
  return send(
    request,
    {
      ...{ host: '127.0.0.1', port: edge.httpsPort, servername: host, ca: edge.ca, path },
      ...asked.tls,
      ...optionsOf(asked, `${saying}:${edge.httpsPort}`),
    },
    asked.body,
  )
}

/** The same without TLS. */
export const askPlainly = (port: number, path: string, asked: Asked = {}): Promise<Got> =>
  send(
    plainRequest,
    { host: '127.0.0.1', port, path, ...optionsOf(asked, asked.saying ?? asked.host ?? publicHost) },
    asked.body,
  )

const optionsOf = ({ method = 'GET', headers = {}, from, signal }: Asked, host: string): RequestOptions => ({
  method,
  agent: false,
  headers: { host, ...headers },
  timeout: 60_000,
  ...(from === undefined ? {} : { localAddress: from }),
  ...(signal === undefined ? {} : { signal }),
})

function send(
  how: (options: TlsRequestOptions, onAnswer: (response: IncomingMessage) => void) => ClientRequest,
  options: TlsRequestOptions,
  body: string | Buffer | undefined,
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = how(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: bytes.toString(),
          bytes,
        })
      })
    })
    sent.on('error', reject)
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')))
    sent.end(body)
  })
}

/** One connection over TLS on which a test writes what it likes. */
export async function rawTls(edge: Edge, host = publicHost) {
  const socket: TLSSocket = connect({
    host: '127.0.0.1',
    port: edge.httpsPort,
    servername: host,
    ca: edge.ca,
  })
  let said = ''
  let open = true
  socket.setEncoding('utf8').on('data', (data) => {
    said += data
  })
  socket.on('close', () => {
    open = false
  })
  await once(socket, 'secureConnect')
  socket.on('error', () => undefined)
  return {
    socket,
    said: () => said,
    hears: (pattern: RegExp) => waitUntil(`${pattern} from nginx`, () => pattern.exec(said)),
    closed: async () => {
      await waitUntil('nginx to close', () => !open, { deadlineMs: 60_000 })
      return said
    },
  }
}
