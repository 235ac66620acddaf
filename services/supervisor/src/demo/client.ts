import { setTimeout as delay } from 'node:timers/promises'

/** An answer of the api that was not what the demo needs; the message carries its code and text. */
export type Answer = { status: number; body: Record<string, unknown> }

export type ApiClient = {
  /** Calls the api and gives status and parsed body; `expect` throws with the api's own words on another status. */
  call(method: string, path: string, options: { body?: unknown; expect: number[] }): Promise<Answer>
  /** The raw answer, for streams. */
  open(method: string, path: string, body: unknown): Promise<Response>
  token(): string | undefined
  signIn(accessToken: string): void
  url: string
}

/** A client of the public HTTP API with a bearer session; `headers` go with every call. Every call ends after 60 s, a stream after 120 s. */
export function apiClient(url: string, signal: AbortSignal, headers: Record<string, string> = {}): ApiClient {
  let token: string | undefined
  const request = (method: string, path: string, body: unknown, timeoutMs: number) =>
    fetch(`${url}/api/${path}`, {
      method,
      headers: {
        ...headers,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
  return {
    url,
    token: () => token,
    signIn: (accessToken) => {
      token = accessToken
    },
    open: (method, path, body) => request(method, path, body, 120_000),
    async call(method, path, { body, expect }) {
      let response = await request(method, path, body, 60_000)
      for (let turn = 0; response.status === 429 && turn < 3; turn++) {
        // The api limits what one address may ask: it says how long to wait, in seconds.
        const seconds = Number(response.headers.get('retry-after') ?? 5)
        await response.body?.cancel()
        await delay(Math.min(60, seconds) * 1_000 + 200, undefined, { signal })
        response = await request(method, path, body, 60_000)
      }
      const text = await response.text()
      const parsed = parse(text)
      if (!expect.includes(response.status)) {
        const said = [parsed['code'], parsed['title'], parsed['errors'] && JSON.stringify(parsed['errors'])]
        const words = said.filter(Boolean).join(': ') || text.slice(0, 300)
        throw new Error(`${method} /api/${path} answered ${response.status} (${words})`)
      }
      return { status: response.status, body: parsed }
    },
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  } catch {
    return {} // a proxy's page, say: the caller shows the text
  }
}
