import type { EngineCall } from './engine.ts'
import { Refusal } from './refusal.ts'
import type { Route, Verdict } from './routes.ts'
import { judgeQuery, parseTarget } from './target.ts'

export type Request = {
  method: string
  url: string
  /** All of its body, so many bytes at most. Throws `Refusal`. */
  body(most: number): Promise<Buffer>
  signal: AbortSignal
}

const bodyBytes = 1024 * 1024
const answerMs = 120_000

/** The route that a request takes, and what became of it. Throws `Refusal` for everything that is not allowed. */
export async function judgeRequest(
  routes: readonly Route[],
  { method, url, body, signal }: Request,
): Promise<Verdict> {
  const { path, query } = parseTarget(url)
  const onPath = routes.filter((route) => route.path.test(path))
  const route = onPath.find((one) => one.method === method)
  if (!route)
    throw new Refusal(onPath.length > 0 ? 'this method is not allowed here' : 'this call is not allowed')
  const [, ...parts] = route.path.exec(path) ?? []
  return route.judge({
    ...{ parts, query: judgeQuery(route.ignoresQuery ? new Map() : query, route.parameters ?? {}), signal },
    bytes: body,
    json: async () => parseJson(await body(bodyBytes)),
  })
}

/** Parsed once here; what is sent on is written anew from it, so that a second spelling of a field has no way through. */
function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown
  } catch {
    throw new Refusal('the body is no JSON', 400)
  }
}

/** The call to the engine that a verdict stands for. */
export function engineCallOf(verdict: Exclude<Verdict, { answer: Buffer }>, signal: AbortSignal): EngineCall {
  const { method, path, query, json, archive, deadlineMs = answerMs } = verdict
  const search = query?.toString() ?? ''
  const body = archive
    ? { type: 'application/x-tar' as const, bytes: archive }
    : json === undefined
      ? undefined
      : { type: 'application/json' as const, bytes: Buffer.from(JSON.stringify(json)) }
  return { ...{ method, body, signal, deadlineMs }, path: search === '' ? path : `${path}?${search}` }
}
