import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type ChatBody, type Choice, chooseKey } from './choose-key.ts'
import { type ChatError, sendError } from './errors.ts'
import type { KeyRing } from './keys.ts'
import type { Log } from './log.ts'
import { callProvider, failureCode } from './provider-call.ts'
import { readJsonBody } from './read-body.ts'
import { jsonUsage, sseUsage, type Usage } from './usage.ts'

/** Milliseconds and bytes. `totalMs` bounds a whole turn, the streamed answer included. */
export type ChatLimits = { connectMs: number; totalMs: number; bodyBytes: number }
export type ChatDeps = { keys: () => KeyRing; log: Log; limits: ChatLimits; stopping: AbortSignal }

type Outcome = { status: number; usage?: Usage; firstByteMs?: number; error?: ChatError }

const failed = (status: number, code: string, message: string): Outcome => ({
  status,
  error: { status, code, message },
})

/** Answers one `POST /v1/chat/completions` and logs one line about it: who answered, tokens, time; no content. */
export async function handleChat(deps: ChatDeps, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const began = performance.now()
  const gone = new AbortController()
  res.on('close', () => gone.abort())
  const deadline = AbortSignal.timeout(deps.limits.totalMs)
  const signal = AbortSignal.any([gone.signal, deadline, deps.stopping])

  let choice: Choice | undefined
  let streaming = false
  let outcome: Outcome
  try {
    const read = await readJsonBody(req, deps.limits.bodyBytes)
    if ('error' in read) outcome = { status: read.error.status, error: read.error }
    else {
      const body: ChatBody = read.body
      streaming = body.stream === true
      const chosen = chooseKey(deps.keys(), body)
      if ('error' in chosen) outcome = { status: chosen.error.status, error: chosen.error }
      else {
        choice = chosen
        outcome = await relay(deps, chosen, body, res, signal, began)
      }
    }
  } catch (error) {
    outcome = gone.signal.aborted
      ? { status: 499 } // the caller left; nobody reads an answer
      : deadline.aborted
        ? failed(504, 'turn-timeout', `No full answer within ${deps.limits.totalMs / 1000} s.`)
        : deps.stopping.aborted
          ? failed(503, 'stopping', 'This agent is stopping. Try again when it runs.')
          : failed(502, 'provider-unreachable', unreachable(choice, error))
  }
  if (outcome.error) sendError(res, outcome.error)
  deps.log(outcome.status < 400 || outcome.status === 499 ? 'info' : 'warn', 'turn', {
    status: outcome.status,
    ...(outcome.error && { code: outcome.error.code }),
    ...(choice && { key: choice.key.id, provider: choice.key.provider, model: choice.model }),
    stream: streaming,
    ...(outcome.usage ?? {}),
    ms: Math.round(performance.now() - began),
    ...(outcome.firstByteMs !== undefined && { firstByteMs: outcome.firstByteMs }),
  })
}

const unreachable = (choice: Choice | undefined, error: unknown) =>
  `Cannot reach the provider${choice ? ` at ${choice.url.host}` : ''} (${failureCode(error)}). ` +
  'Check the base URL of the key and that this host may be reached from agents.'

async function relay(
  deps: ChatDeps,
  { key, model, url }: Choice,
  body: ChatBody,
  res: ServerResponse,
  signal: AbortSignal,
  began: number,
): Promise<Outcome> {
  const { provider: _ours, ...forward } = body
  const apiKey = Buffer.from(key.apiKey ?? '') // a copy: a reload may wipe the ring's while we wait
  let answer: IncomingMessage
  try {
    const payload = Buffer.from(JSON.stringify({ ...forward, model }))
    answer = await callProvider({ url, apiKey, body: payload, connectMs: deps.limits.connectMs, signal })
    const status = answer.statusCode ?? 502
    if (status < 200 || status > 299) {
      return await providerError(answer, status, key.label || key.provider, apiKey)
    }
  } finally {
    apiKey.fill(0)
  }
  const firstByteMs = Math.round(performance.now() - began)
  const type = answer.headers['content-type'] ?? 'application/json'
  const meter = type.startsWith('text/event-stream') ? sseUsage() : jsonUsage()
  res.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' })
  res.flushHeaders()
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    meter.push(chunk)
    if (!res.write(chunk)) await once(res, 'drain', { signal })
  }
  res.end()
  return { status: 200, usage: meter.read(), firstByteMs }
}

/** The provider said no: its sentence is passed on, without the key should it quote it. */
async function providerError(
  answer: IncomingMessage,
  status: number,
  label: string,
  apiKey: Buffer,
): Promise<Outcome> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > 64 * 1024) break
    chunks.push(chunk)
  }
  const said = sentenceOf(Buffer.concat(chunks).toString('utf8'))
  const secret = apiKey.toString('utf8')
  const clean = (secret === '' ? said : said.replaceAll(secret, '[key]')).slice(0, 500)
  if (status === 401 || status === 403) {
    return failed(
      502,
      'provider-refused-key',
      `The provider refused key "${label}" (HTTP ${status}). Replace the key and sync keys.`,
    )
  }
  if (status >= 400 && status < 500) return failed(status, 'provider-refused', `The provider says: ${clean}`)
  return failed(502, 'provider-failed', `The provider answered HTTP ${status}${clean && `: ${clean}`}`)
}

function sentenceOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } | string }
    const message = typeof error === 'string' ? error : error?.message
    return typeof message === 'string' ? message : 'no reason given'
  } catch {
    return 'no reason given' // an HTML page of some proxy helps nobody
  }
}
