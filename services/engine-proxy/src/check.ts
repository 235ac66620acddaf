import { request } from 'node:http'

const checkMs = 5_000

/** Whether the proxy answers on its socket and the engine behind it does: for a container's health check. */
export function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(checkMs)
    const sent = request({ socketPath, path: '/_ping', signal }, (answer) => {
      answer.resume()
      answer.once('close', () => resolve(answer.statusCode === 200))
    })
    sent.once('error', () => resolve(false))
    sent.end()
  })
}
