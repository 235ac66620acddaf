import { answerHeaders, closedPolicy, strictTransport } from '../../shared/contract/src/page-policy.ts'
import { type ProblemCode, problemTitles } from '../../shared/contract/src/problem-titles.ts'

/** What nginx refuses itself: the status it answers with, the problem's code, and nginx's own statuses that become it. */
const problems: { status: number; code: ProblemCode; of: number[] }[] = [
  // 497: plain http on the https port; 501 and 505: a transfer coding or a version of HTTP that is not known.
  { status: 400, code: 'bad-request', of: [400, 411, 495, 496, 497, 501, 505] },
  { status: 404, code: 'not-found', of: [403, 404] },
  { status: 405, code: 'method-not-allowed', of: [405] },
  { status: 413, code: 'payload-too-large', of: [413] },
  { status: 414, code: 'uri-too-long', of: [414] },
  { status: 421, code: 'wrong-host', of: [421] },
  { status: 429, code: 'rate-limited', of: [429] },
  { status: 431, code: 'headers-too-large', of: [494] },
  { status: 500, code: 'internal', of: [500] },
  { status: 502, code: 'unavailable', of: [502] },
  { status: 503, code: 'unavailable', of: [503] },
  { status: 504, code: 'unavailable', of: [504] },
]

/** Directives that add headers, each on every answer whatever its status. */
export const addHeaders = (headers: Record<string, string>): string[] =>
  Object.entries(headers).map(([name, value]) => `add_header ${name} "${value}" always;`)

/** The header that makes browsers insist on https, where the certificate is one they trust. */
export const transportHeaders = (realCertificate: boolean): Record<string, string> =>
  realCertificate ? { 'strict-transport-security': strictTransport } : {}

/**
 * The directives with which a server answers its own refusals as the api does: problem documents with a correlation id
 * (`$correlation_id`) and, where there are limits, when to come back (`$retry_after`, in seconds, and `$rate_limit`).
 */
export function problemPages({
  realCertificate,
  limits,
}: {
  realCertificate: boolean
  limits: boolean
}): string[] {
  const headers = {
    'x-correlation-id': '$correlation_id',
    'cache-control': 'no-store',
    'content-security-policy': closedPolicy,
    ...answerHeaders,
    ...transportHeaders(realCertificate),
  }
  const met = problems.filter(({ status }) => limits || status !== 429)
  return met.flatMap(({ status, code, of }) => [
    `error_page ${of.join(' ')} =${status} /.problem/${status};`,
    `location = /.problem/${status} {`,
    '  internal;',
    '  default_type application/problem+json;',
    ...addHeaders({ ...headers, ...(status === 429 ? limitHeaders : {}) }).map((line) => `  ${line}`),
    `  return ${status} '${problemText(status, code)}';`,
    '}',
  ])
}

const limitHeaders = {
  'retry-after': '$retry_after',
  'ratelimit-limit': '$rate_limit',
  'ratelimit-remaining': '0',
  'ratelimit-reset': '$retry_after',
}

function problemText(status: number, code: ProblemCode): string {
  const text = JSON.stringify({
    type: `urn:nora:problem:${code}`,
    title: problemTitles[code],
    status,
    code,
    correlationId: '$correlation_id',
  })
  return code === 'rate-limited' ? text.replace('{', '{"retryAfterSeconds":$retry_after,') : text
}

/** `$correlation_id`: nginx's own random id of a request, in the api's form. */
export const correlationId = `map $request_id $correlation_id {
  "~^(?<id_a>.{8})(?<id_b>.{4})(?<id_c>.{4})(?<id_d>.{4})(?<id_e>.{12})$" "$id_a-$id_b-$id_c-$id_d-$id_e";
}`
