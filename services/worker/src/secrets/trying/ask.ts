import { fetchPublic } from '@nora/dial/fetch-public'
import type { DialOptions } from '@nora/dial/public-dialer'
import type { Form, KeyTest, Trial } from './call.ts'
import { judge } from './judge.ts'

const mostBytes = 64 * 1024

/**
 * Tries a secret by the call that its form makes of it: one request through the public dialer, following no redirect. What
 * it answers is read where it is JSON of at most 64 KiB. @throws DialError, UntriableError
 */
export async function overHttp(form: Form, trial: Trial, options: DialOptions): Promise<KeyTest> {
  const { url, method, headers, body, judge: read } = await form(trial)
  const { host } = trial.base
  if (url.host !== host) throw new Error('a form asks another host than it was given')
  const asked = { method, headers, ...(body !== undefined && { body }) }
  const answer = await fetchPublic(url, asked, { ...options, mostBytes, beginningWillDo: true })
  return judge(host, answer.status, read?.(answer.status, parse(answer.body)))
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined // an answer may be anything; the status still counts
  }
}
