import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll } from 'vitest'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A stand-in for the verify endpoint of a CAPTCHA's provider, on loopback, from `beforeAll` to `afterAll`. */
export type CaptchaStandIn = {
  url: string
  /** Every body that it was sent, as the form it is. */
  asked: Record<string, string>[]
  /** What it answers from now until the test ends: JSON, or whatever a function writes. Unless told, that all is well. */
  answers: (next: Record<string, unknown> | Answer) => void
}

/** What a provider says of a token that a person has just got on our own sign-up page. */
export const goodAnswer = () => ({
  success: true,
  hostname: 'localhost',
  action: 'signup',
  challenge_ts: new Date().toISOString(),
  'error-codes': [],
})

export function captchaStandIn(): CaptchaStandIn {
  const json =
    (body: () => unknown): Answer =>
    (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body()))
    }
  let answer = json(goodAnswer)
  const self: CaptchaStandIn = {
    url: '',
    asked: [],
    answers: (next) => {
      answer = typeof next === 'function' ? next : json(() => next)
    },
  }
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    request.on('end', () => {
      self.asked.push(Object.fromEntries(new URLSearchParams(text)))
      answer(request, response)
    })
  })
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/siteverify`
  })
  afterEach(() => {
    answer = json(goodAnswer)
    self.asked.length = 0
  })
  afterAll(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return self
}
