import { request } from 'node:http'
import { connect } from 'node:net'

export type EngineAnswer = { status: number; body: unknown }

/**
 * One call on the engine's unix socket; the parsed answer whatever its status, or undefined when nothing answers in
 * time. For set-up alone, which needs a handful of calls: the worker speaks to the engine through dockerode.
 */
export function engineCall(options: {
  socketPath: string
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  timeoutMs: number
  signal?: AbortSignal
}): Promise<EngineAnswer | undefined> {
  const { socketPath, method, path, timeoutMs } = options
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  return new Promise((resolve) => {
    const call = request({ socketPath, method, path, signal }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.on('error', () => resolve(undefined))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(text) }))
    })
    call.on('error', () => resolve(undefined)) // nothing listens, or the time is over
    call.end()
  })
}

/**
 * Whether a program listens on this unix socket, answering or not. One that hangs still listens; only where there is no socket, or nobody
 * behind it, is there no engine.
 */
export function engineListens(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ENOENT' && code !== 'ECONNREFUSED'),
    )
  })
}

function parse(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text)
  } catch {
    return text // an engine's plain-text error
  }
}
