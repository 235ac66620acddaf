import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'

export type Sent = {
  status: number
  headers: IncomingHttpHeaders
  /** The lines of Set-Cookie. */
  cookies: string[]
  text: string
  body: Record<string, unknown>
}

export type Send = (
  method: string,
  url: string,
  options?: { headers?: Record<string, string>; body?: string | object; patient?: boolean },
) => Promise<Sent>

/** Names below localhost are this machine, as browsers have it, whatever its resolver says. Source: RFC 6761 6.3. */
const lookup: NonNullable<RequestOptions['lookup']> = (_host, options, found) => {
  const address = { address: '127.0.0.1', family: 4 }
  if (options.all) found(null, [address])
  else found(null, address.address, address.family)
}

/**
 * One request as it is, with nothing added and no redirect followed. Waits as long as a 429 says and asks again, three times, unless
 * `patient` is false. Ends after 60 s.
 */
export function sender(signal: AbortSignal): Send {
  return async (method, url, { headers = {}, body, patient = true } = {}) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body
    const type = typeof body === 'object' ? { 'content-type': 'application/json' } : {}
    const once = () => sendOnce(method, url, { ...type, ...headers }, text, signal)
    let answer = await once()
    for (let turn = 0; patient && answer.status === 429 && turn < 3; turn++) {
      await delay(Math.min(60, Number(answer.headers['retry-after'] ?? 5)) * 1_000 + 200, undefined, {
        signal,
      })
      answer = await once()
    }
    return answer
  }
}

function sendOnce(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: string | undefined,
  signal: AbortSignal,
): Promise<Sent> {
  const { protocol, hostname } = new URL(url)
  const open = protocol === 'https:' ? httpsRequest : httpRequest
  const options: RequestOptions = {
    ...{
      method,
      headers:
        body === undefined ? headers : { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    },
    ...{ agent: false, signal: AbortSignal.any([signal, AbortSignal.timeout(60_000)]) },
    ...(hostname === 'localhost' || hostname.endsWith('.localhost') ? { lookup } : {}),
  }
  return new Promise((resolve, reject) => {
    const asked = open(url, options, async (answer) => {
      try {
        let text = ''
        for await (const piece of answer.setEncoding('utf8')) text += piece
        const cookies = answer.headers['set-cookie'] ?? []
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, cookies, text, body: parse(text) })
      } catch (error) {
        reject(error)
      }
    })
    asked.once('error', reject)
    asked.once('upgrade', (_, socket) => {
      socket.destroy()
      reject(new Error('the upgrade was accepted'))
    })
    asked.end(body)
  })
}

function parse(text: string): Record<string, unknown> {
  try {
    return text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
  } catch {
    return {} // a page or a stream: the caller has the text
  }
}

/** What a browser sends back: `name=value; ...` of these Set-Cookie lines. */
export const cookieHeader = (cookies: string[]): string =>
  cookies.map((line) => line.split(';', 1)[0]).join('; ')
