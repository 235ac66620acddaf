import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { toAgent, toCaller } from './headers.ts'
import { CONNECT_TIMEOUT } from './pool.ts'
import { type Problem, problems, sendProblem } from './problem.ts'
import type { RoutedAgent } from './routes.ts'

/** Milliseconds and bytes. `idleMs`: nothing moved either way; `headersMs`: from the body's end to the answer's head. */
export type ForwardLimits = { headersMs: number; idleMs: number; bodyBytes: number }

const problemFor = (error: NodeJS.ErrnoException): Problem =>
  error.code === CONNECT_TIMEOUT || error.code === 'deadline' ? problems.timeout : problems.unreachable

const isRepeatable = (req: IncomingMessage) =>
  (req.method === 'GET' || req.method === 'HEAD') &&
  req.headers['transfer-encoding'] === undefined &&
  (req.headers['content-length'] ?? '0') === '0'

/**
 * Passes one request to an agent and its answer back, both as streams with back-pressure; resolves when the exchange
 * has ended, with the problem if there was one. The caller leaving ends the call to the agent; the agent failing
 * answers 502 or 504, or cuts an answer that had begun. Redirects are passed back, never followed.
 */
export function forward(
  req: IncomingMessage,
  res: ServerResponse,
  { route, pool }: RoutedAgent,
  path: string,
  limits: ForwardLimits,
): Promise<{ problem?: Problem; reason?: string }> {
  return new Promise((resolve) => {
    const host = `${route.ip}:${route.port}`
    let upstream: ClientRequest
    let ended = false
    let received = 0
    let headersTimer: NodeJS.Timeout | undefined
    const deadline = () => upstream.destroy(Object.assign(new Error('deadline'), { code: 'deadline' }))
    const idle = setTimeout(deadline, limits.idleMs)

    const end = (problem?: Problem, reason?: string) => {
      if (ended) return
      ended = true
      clearTimeout(idle)
      clearTimeout(headersTimer)
      upstream.destroy()
      req.unpipe()
      req.resume() // what is left of the body is read and dropped until the connection closes
      if (problem) sendProblem(res, problem)
      resolve({ ...(problem && { problem }), ...(reason && { reason }) })
    }

    const send = (mayRepeat: boolean): ClientRequest => {
      const call = request({
        agent: pool.agent,
        method: req.method ?? 'GET',
        path,
        headers: toAgent(req, host),
        setHost: false,
        insecureHTTPParser: false,
        maxHeaderSize: 64 * 1024,
      })
      call.on('error', (error: NodeJS.ErrnoException) => {
        // A kept-alive connection that the agent closed just as we used it: nothing was answered, ask once more.
        if (mayRepeat && call.reusedSocket && error.code === 'ECONNRESET' && !ended && !res.headersSent) {
          upstream = send(false)
          upstream.end()
        } else if (call === upstream) end(problemFor(error), error.code ?? error.message)
      })
      call.on('response', (answer) => relay(answer))
      // Nobody asked for another protocol, and Node would leave the connection to us without a word more.
      call.on('upgrade', (_answer, socket) => {
        socket.destroy()
        end(problems.unreachable, 'unasked-upgrade')
      })
      return call
    }

    const relay = (answer: IncomingMessage) => {
      clearTimeout(headersTimer)
      idle.refresh()
      answer.on('data', () => idle.refresh())
      answer.on('error', (error: NodeJS.ErrnoException) => end(problemFor(error), error.code))
      try {
        res.writeHead(answer.statusCode ?? 502, toCaller(answer, route.agentId, host, path))
      } catch {
        end(problems.unreachable, 'answer-invalid') // a header or status that cannot be written again
        return
      }
      // A stream's head goes at once; an answer of known length goes with its first bytes in one packet.
      if (answer.headers['content-length'] === undefined) res.flushHeaders()
      answer.pipe(res)
    }

    upstream = send(isRepeatable(req))
    res.on('close', () => end(undefined, res.writableFinished ? undefined : 'caller-left'))
    req.on('data', (chunk: Buffer) => {
      idle.refresh()
      received += chunk.length
      if (received > limits.bodyBytes) end(problems.tooLarge, 'body-too-large')
    })
    req.on('end', () => {
      if (!ended && !res.headersSent) headersTimer = setTimeout(deadline, limits.headersMs)
    })
    req.on('error', () => end(undefined, 'caller-left'))
    if (isRepeatable(req)) {
      req.resume()
      upstream.end()
    } else req.pipe(upstream)
  })
}
