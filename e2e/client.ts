import { waitUntil } from '@nora/testing/wait-until'
import WebSocket from 'ws'
import type { Processes } from './processes.ts'

type Server = Pick<Processes, 'url' | 'setupToken'>

export type Answer<T = Record<string, unknown>> = { status: number; body: T; headers: Headers }

export type Agent = {
  id: string
  state: string
  stateReason: string
  generation: number
  providerKeys: { id: string; syncedSecretVersion: number | null }[]
  operation: { id: string; kind: string; status: string; error: unknown } | null
}

export type Client = ReturnType<typeof client>

/** A token works for ten minutes, and what asks for a recent sign-in asks for one as young: before that it signs in again. */
const signInAgainMs = 8 * 60_000

type SignIn = {
  /** The token that it has now. */
  token(): string
  /** One that is young enough. */
  fresh(): Promise<string>
}

/**
 * A person's program: signs up (the first one claims the server), signs in with a bearer session, and calls the API. Where a test takes
 * longer than a sign-in lasts it signs in again: another session, without the step-up of the one before.
 */
export async function signedIn(stack: Server, name: string, clock = Date.now): Promise<Client> {
  const credentials = { email: `${name}@example.test`, password: `correct horse ${name} battery` }
  const signup = await call(stack.url, 'POST', 'auth/signup', {
    ...credentials,
    setupToken: stack.setupToken,
  })
  if (signup.status !== 202)
    throw new Error(`sign-up answered ${signup.status} ${JSON.stringify(signup.body)}`)
  const login = async () => {
    const asked = { ...credentials, transport: 'bearer' }
    const { status, body } = await call(stack.url, 'POST', 'auth/login', asked)
    if (status !== 200) throw new Error(`sign-in answered ${status} ${JSON.stringify(body)}`)
    return String(body['accessToken'])
  }
  return client(stack, await renewed(login, clock))
}

async function renewed(login: () => Promise<string>, clock: () => number): Promise<SignIn> {
  let until = clock() + signInAgainMs
  let token = await login()
  let renewing: Promise<string> | undefined
  const again = async () => {
    const next = clock() + signInAgainMs
    token = await login()
    until = next
    return token
  }
  return {
    token: () => token,
    async fresh() {
      if (clock() < until) return token
      renewing ??= again().finally(() => {
        renewing = undefined
      })
      return renewing
    },
  }
}

/** The same person in another workspace than their own. */
export const within = (stack: Server, who: Client, workspaceId: string): Client =>
  client(stack, who.signIn, { 'x-nora-workspace': workspaceId })

function client(stack: Server, signIn: SignIn, workspace: Record<string, string> = {}) {
  const authorization = () => ({ authorization: `Bearer ${signIn.token()}`, ...workspace })
  const request = async <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    await signIn.fresh()
    return call<T>(stack.url, method, path, body, { ...authorization(), ...headers })
  }
  return {
    signIn,
    get token() {
      return signIn.token()
    },
    get: <T = Record<string, unknown>>(path: string) => request<T>('GET', path),
    /** @param idempotencyKey with it the same request may be sent again: it does once what it does. */
    post: <T = Record<string, unknown>>(path: string, body?: unknown, idempotencyKey?: string) =>
      request<T>('POST', path, body ?? {}, idempotencyKey ? { 'idempotency-key': idempotencyKey } : {}),
    put: (path: string, body: unknown) => request('PUT', path, body),
    patch: (path: string, body: unknown) => request('PATCH', path, body),
    delete: (path: string) => request('DELETE', path),
    agent: async (id: string) => (await request<Agent>('GET', `agents/${id}`)).body,
    /** Deploys and gives the id; the answer must be 202. */
    deploy: async (body: Record<string, unknown>) => {
      const answer = await request<Agent>('POST', 'agents', body)
      if (answer.status !== 202)
        throw new Error(`deploy answered ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body.id
    },
    until: (id: string, state: string, deadlineMs = 120_000) =>
      waitUntil(
        `agent to be ${state}`,
        async () => {
          const { body } = await request<Agent>('GET', `agents/${id}`)
          if (body.state === state && !isOpen(body)) return body
          throw new Error(`it is ${body.state}: ${body.stateReason} (${JSON.stringify(body.operation)})`)
        },
        { deadlineMs, everyMs: 100 },
      ),
    /** Opens the live log and collects its lines. */
    follow: (id: string, after?: number) => followLogs(stack, id, request, authorization, after),
    /** Opens a terminal, or comes back to one. */
    terminal: (id: string, session?: string) => openTerminal(stack, id, request, authorization, session),
  }
}

const isOpen = (agent: Agent) =>
  agent.operation !== null && ['queued', 'running'].includes(agent.operation.status)

export type LogLine = { seq: number; ts: string; stream: string; text: string }

type Request = (method: string, path: string, body?: unknown) => Promise<Answer>
type Authorization = () => Record<string, string>

async function followLogs(
  stack: Server,
  id: string,
  request: Request,
  headers: Authorization,
  after?: number,
) {
  const query = after === undefined ? '' : `?after=${after}`
  const socket = await connect(stack, 'logs', id, request, headers, query)
  const frames: Record<string, unknown>[] = []
  const closed = new Promise<number>((resolve) => socket.once('close', resolve))
  socket.on('message', (data) => frames.push(JSON.parse(String(data))))
  await opened(socket)
  return {
    frames,
    closed,
    lines: () => frames.filter((f) => f['type'] === 'lines').flatMap((f) => f['lines'] as LogLine[]),
    close: () => socket.close(),
  }
}

async function openTerminal(
  stack: Server,
  id: string,
  request: Request,
  headers: Authorization,
  session?: string,
) {
  const query = `?cols=100&rows=30${session === undefined ? '' : `&session=${session}`}`
  const socket = await connect(stack, 'exec', id, request, headers, query)
  const frames: Record<string, unknown>[] = []
  let said = ''
  const closed = new Promise<[number, string]>((resolve) =>
    socket.once('close', (code, reason) => resolve([code, String(reason)])),
  )
  socket.on('message', (data, isBinary) => {
    if (isBinary) said += String(data)
    else frames.push(JSON.parse(String(data)))
  })
  await opened(socket)
  return {
    socket,
    frames,
    closed,
    type: (text: string) => socket.send(Buffer.from(text)),
    until: (text: string) =>
      waitUntil(`“${text}”`, () => said.includes(text), { deadlineMs: 60_000 }).catch((error) => {
        throw new Error(`${error.message}: ${JSON.stringify(said)} ${JSON.stringify(frames)}`)
      }),
    session: async () => {
      const first = waitUntil('the session', () => frames.length > 0, { deadlineMs: 60_000 })
      await Promise.race([first, closed.then((why) => Promise.reject(new Error(`closed with ${why}`)))])
      return String(frames[0]!['id'])
    },
  }
}

async function connect(
  stack: Server,
  kind: 'logs' | 'exec',
  id: string,
  request: Request,
  headers: Authorization,
  query: string,
): Promise<WebSocket> {
  const { status, body } = await request('POST', 'ws-tickets', { kind, agentId: id })
  if (status !== 201) throw new Error(`the ticket was refused: ${JSON.stringify(body)}`)
  const url = `${stack.url.replace('http', 'ws')}/api/ws/${kind}/${id}${query}`
  return new WebSocket(url, ['nora.v1', `ticket.${body['ticket']}`], { headers: headers() })
}

const opened = (socket: WebSocket) =>
  new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })

async function call<T = Record<string, unknown>>(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  const response = await fetch(`${url}/api/${path}`, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    signal: AbortSignal.timeout(60_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const parsed = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : { text }
  return { status: response.status, body: parsed as T, headers: response.headers }
}
