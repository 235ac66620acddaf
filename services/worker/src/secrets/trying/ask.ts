import { type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import { DialError, type DialOptions, dialPublic } from '@nora/dial/public-dialer'
import type { Call, Form, KeyTest, Trial } from './call.ts'
import { judge } from './judge.ts'

const mostBytes = 64 * 1024

/** Tries a secret by the call that its form makes of it. @throws DialError, UntriableError */
export async function overHttp(form: Form, trial: Trial, options: DialOptions): Promise<KeyTest> {
  const call = await form(trial)
  const { host } = trial.base
  if (call.url.host !== host) throw new Error('a form asks another host than it was given')
  const { status, json } = await ask(call, options)
  return judge(host, status, call.judge?.(status, json))
}

/**
 * Makes one call through the public dialer, following no redirect, and gives the answer's status and, where it is JSON of at
 * most 64 KiB, its content. @throws DialError
 */
async function ask(call: Call, options: DialOptions): Promise<{ status: number; json: unknown }> {
  const socket = await dialPublic(call.url, options)
  try {
    const { status, body } = await answerOf(call, socket, options.signal)
    return { status, json: parse(body) }
  } finally {
    socket.destroy()
  }
}

function answerOf(
  { url, method, headers, body }: Call,
  socket: Socket,
  signal: AbortSignal,
): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      const words = signal.aborted ? 'it did not answer in time' : 'the connection broke before it answered'
      reject(new DialError('destination-unreachable', words, { cause: error }))
    }
    const asked = request({
      createConnection: () => socket,
      method,
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        accept: 'application/json',
        'user-agent': 'nora',
        connection: 'close',
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
      maxHeaderSize: 32 * 1024,
      signal,
    })
    let answered = false
    asked.once('error', fail)
    // One that is answered 101 closes without an error, and no signal reaches it any more.
    asked.once('close', () => {
      if (!answered) fail(new Error('closed without an answer'))
    })
    asked.once('response', (response: IncomingMessage) => {
      answered = true
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        chunks.push(chunk)
        if (bytes > mostBytes) response.destroy() // what is asked for is never that long
      })
      const done = () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) })
      response.once('close', done)
      response.on('error', done)
    })
    asked.end(body)
  })
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined // an answer may be anything; the status still counts
  }
}
