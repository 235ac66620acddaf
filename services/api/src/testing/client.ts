/** One caller of the api in a test: keeps its tokens or its cookie jar, adds what a good client adds. */
export type Client = {
  /** Own properties: a test may look at them or spoil them. */
  accessToken: string | undefined
  refreshToken: string | undefined
  csrfToken: string | undefined
  cookies: Map<string, string>
  user: { id: string; email: string; name: string; platformRole: string } | undefined
  request: (method: string, path: string, options?: RequestOptions) => Promise<Answer>
  get: (path: string, headers?: Headers) => Promise<Answer>
  post: (path: string, body?: unknown, headers?: Headers) => Promise<Answer>
  put: (path: string, body?: unknown, headers?: Headers) => Promise<Answer>
  patch: (path: string, body?: unknown, headers?: Headers) => Promise<Answer>
  delete: (path: string, headers?: Headers) => Promise<Answer>
  /** A new client of that account. Throws when it is refused. */
  login: (email: string, password: string, transport?: 'bearer' | 'cookie') => Promise<Client>
  /** A new client with an admin session of that account. Throws when it is refused. */
  adminLogin: (email: string, password: string) => Promise<Client>
}

export type Headers = Record<string, string | undefined>
/** A header set to undefined is left out, also where the client would have added it. `raw` is sent as it is. */
export type RequestOptions = { body?: unknown; raw?: string | Uint8Array<ArrayBuffer>; headers?: Headers }
export type Answer = {
  status: number
  headers: globalThis.Headers
  text: string
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any
  cookies: string[]
}

const deadlineMs = 60_000

export function client({ url, origin }: { url: string; origin: string }): Client {
  const self: Client = {
    accessToken: undefined,
    refreshToken: undefined,
    csrfToken: undefined,
    cookies: new Map(),
    user: undefined,
    request: async (method, path, options = {}) => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: headersOf(self, method, options, origin),
        redirect: 'manual',
        signal: AbortSignal.timeout(deadlineMs),
        ...bodyOf(options),
      })
      const text = await response.text()
      const cookies = response.headers.getSetCookie()
      for (const line of cookies) keep(self.cookies, line)
      return { status: response.status, headers: response.headers, text, body: parse(text), cookies }
    },
    get: (path, headers = {}) => self.request('GET', path, { headers }),
    post: (path, body, headers = {}) => self.request('POST', path, { body, headers }),
    put: (path, body, headers = {}) => self.request('PUT', path, { body, headers }),
    patch: (path, body, headers = {}) => self.request('PATCH', path, { body, headers }),
    delete: (path, headers = {}) => self.request('DELETE', path, { headers }),
    login: async (email, password, transport = 'bearer') => {
      const other = client({ url, origin })
      const answer = await other.post('/api/auth/login', { email, password, transport })
      if (answer.status !== 200) throw new Error(`sign-in answered ${answer.status} ${answer.text}`)
      const { accessToken, refreshToken, csrfToken, user } = answer.body
      return Object.assign(other, { accessToken, refreshToken, csrfToken, user })
    },
    adminLogin: async (email, password) => {
      const other = client({ url, origin })
      const answer = await other.post('/api/admin/auth/login', { email, password })
      if (answer.status !== 200) throw new Error(`admin sign-in answered ${answer.status} ${answer.text}`)
      const { csrfToken, user } = answer.body
      return Object.assign(other, { csrfToken, user })
    },
  }
  return self
}

function headersOf(
  self: Client,
  method: string,
  options: RequestOptions,
  origin: string,
): Record<string, string> {
  const jar = [...self.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const withCookies = jar !== ''
  const mutation = method !== 'GET' && method !== 'HEAD'
  const all: Headers = {
    'content-type': options.body === undefined ? undefined : 'application/json',
    authorization: self.accessToken && `Bearer ${self.accessToken}`,
    cookie: withCookies ? jar : undefined,
    origin: withCookies && mutation ? origin : undefined,
    'x-csrf-token': withCookies && mutation ? self.csrfToken : undefined,
    ...options.headers,
  }
  return Object.fromEntries(
    Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined),
  )
}

function bodyOf({ body, raw }: RequestOptions): { body?: string | Uint8Array<ArrayBuffer> } {
  if (raw !== undefined) return { body: raw }
  return body === undefined ? {} : { body: JSON.stringify(body) }
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';').map((part) => part.trim())
  const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
  const gone = attributes.some((attribute) => /^(max-age=0|expires=Thu, 01 Jan 1970)/i.test(attribute))
  if (gone) jar.delete(name)
  else jar.set(name, value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
