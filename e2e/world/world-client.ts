import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

export type Answer = {
  status: number
  body: Record<string, unknown>
  location: string | null
  replayed: boolean
  /** How often it had to be sent until somebody answered for good. */
  attempts: number
}

export type WorldClient = {
  get(path: string): Promise<Answer>
  /** Sends once, whatever comes of it. */
  once(method: string, path: string, body?: unknown): Promise<Omit<Answer, 'attempts'>>
  /** Sends with this Idempotency-Key until there is an answer that is not about an outage. */
  send(method: string, path: string, body: unknown, key?: string): Promise<Answer>
}

const answerMs = 120_000
/** The server is away, or says that it cannot now: try again, as the documentation of the API tells clients to. */
const isOutage = ({ status, body }: Pick<Answer, 'status' | 'body'>) =>
  status >= 500 ||
  status === 429 ||
  body['code'] === 'idempotency-in-progress' ||
  body['code'] === 'agent-busy'
/** A session lasts ten minutes; a new one is cheaper than to find out when. */
const sessionMs = 8 * 60_000

/** Claims the server and gives a client such as a program of a customer would be: it repeats until it is answered. */
export async function signIn(url: string, setupToken: string): Promise<WorldClient> {
  const credentials = { email: 'owner@example.test', password: 'correct horse battery staple' }
  let session: Promise<string> | undefined
  let sessionUntil = 0

  async function once(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const response = await fetch(`${url}/api/${path}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      signal: AbortSignal.timeout(30_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      body: (text.startsWith('{') ? JSON.parse(text) : { text }) as Record<string, unknown>,
      location: response.headers.get('location'),
      replayed: response.headers.get('idempotency-replayed') === 'true',
    }
  }

  async function repeat(run: () => Promise<Omit<Answer, 'attempts'>>): Promise<Answer> {
    const deadline = Date.now() + answerMs
    for (let attempts = 1; ; attempts++) {
      try {
        const answer = await run()
        if (answer.status === 401) sessionUntil = 0
        else if (!isOutage(answer) || Date.now() > deadline) return { ...answer, attempts }
      } catch (error) {
        if (Date.now() > deadline) throw error
      }
      await delay(100)
    }
  }

  const token = () => {
    if (session && Date.now() < sessionUntil) return session
    sessionUntil = Date.now() + sessionMs
    session = repeat(() => once('POST', 'auth/login', { ...credentials, transport: 'bearer' })).then(
      ({ status, body }) => {
        if (status === 200) return String(body['accessToken'])
        throw new Error(`sign-in answered ${status} ${JSON.stringify(body)}`)
      },
    )
    session.catch(() => {
      sessionUntil = 0
    })
    return session
  }
  const signup = await repeat(() => once('POST', 'auth/signup', { ...credentials, setupToken }))
  if (signup.status !== 202) throw new Error(`sign-up answered ${JSON.stringify(signup)}`)

  const authorized = async () => ({ authorization: `Bearer ${await token()}` })
  return {
    once: async (method, path, body) => once(method, path, body, await authorized()),
    get: (path) => repeat(async () => once('GET', path, undefined, await authorized())),
    send: (method, path, body, key = randomUUID()) =>
      repeat(async () => once(method, path, body, { ...(await authorized()), 'idempotency-key': key })),
  }
}
