import createClient, { type Client } from 'openapi-fetch'
import { ApiProblem, type ProblemDocument, problemWithout } from './problem.ts'
import type { paths } from './schema.ts'

export type ApiClient = Client<paths, `${string}/${string}`>

export type Api = {
  /** For what belongs to no workspace: sign-in, the account, the admin's calls. */
  call: ApiClient
  /** The same in the name of one workspace; an object a workspace, however often it is asked for. */
  inWorkspace: (workspaceId: string) => ApiClient
  /**
   * Sends JSON and gives the answer when its head is there, whatever it says; the body may come for as long as it takes. For
   * answers that are streams: `readEvents` has a deadline for silence.
   */
  open: (workspaceId: string, path: string, body: unknown, signal: AbortSignal) => Promise<Response>
  /** Sets the session's token for mutations, which sign-in and `me` tell. It is kept in memory alone. */
  setCsrfToken: (token: string | undefined) => void
}

type Options = {
  /** Where a session whose access token has run out gets another: `/api/auth/refresh`, or the admin's. */
  refreshPath: string
  /** Told when there is no session any more. */
  onSignedOut: () => void
}

const deadlineMs = 30_000
const mutating = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
/** Sign-in itself: a refusal there says nothing about a session. */
const withoutSession = /^\/api\/(admin\/)?auth\/(login|signup|refresh|bootstrap-status|signup-options|oauth$)/

/**
 * The api, typed by its own description, for a page with a cookie session. Adds the workspace and the CSRF token, ends calls
 * after 30 s, and renews a session whose access token ran out once, for all calls that met it.
 */
export function createApi({ refreshPath, onSignedOut }: Options): Api {
  let csrfToken: string | undefined
  let renewing: Promise<boolean> | undefined

  const renew = () => {
    renewing ??= fetch(refreshPath, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
      signal: AbortSignal.timeout(deadlineMs),
    })
      .then(async (answer) => {
        // Read in any case: an answer that nobody reads holds its connection.
        const body = (await answer.json()) as { csrfToken: string }
        if (answer.ok) csrfToken = body.csrfToken
        return answer.ok
      })
      .catch(() => false)
      .finally(() => {
        renewing = undefined
      })
    return renewing
  }

  const send = (request: Request, workspaceId: string | undefined, timeoutMs = deadlineMs) => {
    const headers = new Headers(request.headers)
    if (workspaceId !== undefined) headers.set('x-nora-workspace', workspaceId)
    if (csrfToken !== undefined && mutating.has(request.method)) headers.set('x-csrf-token', csrfToken)
    const signal =
      timeoutMs === Infinity
        ? request.signal
        : AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)])
    return fetch(new Request(request, { headers, signal }))
  }

  const sendRenewed = async (request: Request, workspaceId: string | undefined, timeoutMs = deadlineMs) => {
    const again = request.clone()
    const answer = await send(request, workspaceId, timeoutMs)
    if (answer.status !== 401 || isAgents(answer)) return answer
    if (withoutSession.test(new URL(request.url).pathname)) return answer
    const { code } = await problemOf(answer.clone())
    if (code !== 'unauthenticated') return answer
    if (await renew()) {
      await answer.body?.cancel()
      return send(again, workspaceId, timeoutMs)
    }
    // Whoever gave this call up has signed in meanwhile: it speaks of what was before.
    if (!request.signal.aborted) onSignedOut()
    return answer
  }

  const clientOf = (workspaceId: string | undefined) =>
    createClient<paths>({ fetch: (request) => sendRenewed(request, workspaceId) })

  const byWorkspace = new Map<string, ApiClient>()
  return {
    call: clientOf(undefined),
    inWorkspace: (workspaceId) => {
      const client = byWorkspace.get(workspaceId) ?? clientOf(workspaceId)
      byWorkspace.set(workspaceId, client)
      return client
    },
    open: (workspaceId, path, body, signal) => {
      const headers = { 'content-type': 'application/json', accept: 'text/event-stream, application/json' }
      const request = new Request(path, { method: 'POST', headers, body: JSON.stringify(body), signal })
      return sendRenewed(request, workspaceId, Infinity)
    },
    setCsrfToken: (token) => {
      csrfToken = token
    },
  }
}

type Answer<T> = { data?: T; error?: unknown; response: Response }

/**
 * What a call answered. Throws ApiProblem for every refusal and failure, a lost connection included; an abort by the caller
 * stays what it is.
 */
export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>
  try {
    answer = await call
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiProblem(problemWithout(0))
  }
  const { response, error, data } = answer
  if (response.ok) return data as T
  const known = isProblem(error) ? error : undefined
  throw new ApiProblem(
    known ?? problemWithout(response.status, response.headers.get('x-correlation-id') ?? undefined),
  )
}

/** Whether an agent answered, and not the api: what it says of sessions is not ours. */
export const isAgents = (answer: Response): boolean => answer.headers.get('x-nora-answer') === 'agent'

/** What an answer that is no success says, as a problem. */
export async function problemOf(answer: Response): Promise<ProblemDocument> {
  const body: unknown = await answer.json().catch(() => undefined)
  return isProblem(body) ? body : problemWithout(answer.status)
}

const isProblem = (body: unknown): body is ProblemDocument =>
  typeof body === 'object' && body !== null && 'code' in body && 'status' in body
