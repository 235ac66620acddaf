import type { ServerResponse } from 'node:http'

/** What the gateway itself refuses or fails with; the api repeats `code` to its caller. */
export type Problem = {
  status: number
  code: string
  title: string
  errors?: { path: string; message: string }[]
}

export const problems = {
  capabilityInvalid: {
    status: 401,
    code: 'capability-invalid',
    title: 'The capability does not allow this call',
  },
  notRouted: { status: 404, code: 'agent-not-routed', title: 'The agent is not running behind this gateway' },
  notFound: { status: 404, code: 'not-found', title: 'There is nothing here' },
  unreachable: { status: 502, code: 'agent-unreachable', title: 'The agent did not answer' },
  timeout: { status: 504, code: 'agent-timeout', title: 'The agent took too long to answer' },
  pathInvalid: { status: 400, code: 'path-invalid', title: 'The path is not one that can be passed on' },
  framing: { status: 400, code: 'framing-invalid', title: 'The length of the body is ambiguous' },
  method: { status: 405, code: 'method-not-allowed', title: 'This method is not passed on' },
  tooLarge: { status: 413, code: 'body-too-large', title: 'The body is too large' },
  headers: { status: 431, code: 'headers-too-many', title: 'The request has too many headers' },
  upgrade: {
    status: 501,
    code: 'upgrade-unsupported',
    title: 'WebSocket upgrades are not served on this listener',
  },
} satisfies Record<string, Problem>

const bodyOf = ({ status, code, title, errors }: Problem) =>
  JSON.stringify({ type: 'about:blank', title, status, code, ...(errors && { errors }) })

/** Set on every answer that is the gateway's own and stripped from every agent's: an agent cannot forge our problems. */
export const OWN_ANSWER = 'x-nora-gateway'

/** Sends a problem document (RFC 9457); cuts the connection instead when an answer has already begun. */
export function sendProblem(res: ServerResponse, problem: Problem): void {
  if (res.destroyed) return
  if (res.headersSent) {
    res.destroy()
    return
  }
  const body = bodyOf(problem)
  res.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    [OWN_ANSWER]: 'problem',
    // The rest of a body nobody reads would be taken for the next request.
    ...(res.req.complete ? {} : { connection: 'close' }),
  })
  res.end(body)
}

/** The same document as raw HTTP, for a socket that Node has already detached from its server (an upgrade). */
export function rawProblem(problem: Problem): string {
  const body = bodyOf(problem)
  return [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `${OWN_ANSWER}: problem`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}
