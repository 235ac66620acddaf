import { ApiProblem } from '@nora/client/problem'
import { problemTitles } from '@nora/contract/problem-titles'
import { PasskeyError } from './passkey-error.ts'

/** Where a person at a page is told something else than a program is. */
const words: Record<string, string> = {
  network: 'The server did not answer. Check your connection; this page tries again by itself.',
  unreadable: 'Something between this page and the server answered in its place. Try again in a moment.',
  unauthenticated: 'Your session has ended. Sign in again.',
  forbidden: 'Your role in this workspace does not allow this. An owner or admin can give you another role.',
  'not-found': 'There is nothing here: it was deleted, or it belongs to a workspace you are not in.',
  'csrf-failed': 'This page is out of date. Reload it and try again.',
  'bad-request': 'Something in the form is not valid.',
  'rate-limited': 'That was too much at once. Wait a moment, then try again.',
  'step-up-required': 'Confirm that it is you, then try again.',
  'captcha-failed':
    'The check that keeps programs out was not passed. Answer it again; if that does not help, try later.',
  'agent-busy': 'The agent is busy with another operation. Wait until it has finished, or cancel it.',
  'password-set-already': 'This account has a password already.',
  'request-timeout': 'The request did not arrive in time. Try again.',
  unavailable: 'A part of the server is not available right now. Try again in a moment.',
  internal: 'Something went wrong on the server. The id below helps whoever runs it to find out what.',
}

export type ProblemWords = {
  /** One or two sentences for a person. */
  text: string
  /** What the answer says besides: how long to wait, which quota. */
  detail: string | undefined
  code: string
  correlationId: string | undefined
}

/** What a person is told about an error of any kind. */
export function problemWords(error: unknown): ProblemWords {
  if (error instanceof PasskeyError)
    return { text: error.message, detail: undefined, code: 'passkey-error', correlationId: undefined }
  if (!(error instanceof ApiProblem)) {
    const text = 'Something went wrong on this page. Reload it; if it stays, tell whoever runs this server.'
    return { text, detail: undefined, code: 'page-error', correlationId: undefined }
  }
  const { code, correlationId, problem } = error
  const title = words[code] ?? problemTitles[code as keyof typeof problemTitles] ?? problem.title
  return { text: /[.?!]$/.test(title) ? title : `${title}.`, detail: detailOf(problem), code, correlationId }
}

function detailOf(problem: ApiProblem['problem']): string | undefined {
  const seconds = problem['retryAfterSeconds']
  if (typeof seconds === 'number')
    return `Try again in ${seconds < 120 ? `${seconds} s` : `${Math.ceil(seconds / 60)} minutes`}.`
  return typeof problem.detail === 'string' ? sentence(problem.detail) : undefined
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** Problems of single fields for a form, by dotted names (`secret.apiKey`). */
export function fieldErrors(error: unknown): Record<string, string> {
  if (!(error instanceof ApiProblem)) return {}
  return Object.fromEntries(
    error.fields.map(({ path, message }) => [
      path.replace(/^\/?(?:body\/)?/, '').replaceAll('/', '.'),
      sentence(message),
    ]),
  )
}
