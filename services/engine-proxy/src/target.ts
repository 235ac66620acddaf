import { Refusal } from './refusal.ts'

export type Target = { path: string; query: Map<string, string> }

const longestPath = 1_000

/**
 * The path and the query of a request line, in the one form that is compared and sent on: no version, nothing encoded, no
 * empty or dotted segment. Throws `Refusal` for everything that could be read in two ways.
 */
export function parseTarget(url: string): Target {
  const mark = url.indexOf('?')
  const given = mark < 0 ? url : url.slice(0, mark)
  if (given.length > longestPath) throw new Refusal('the path is too long', 400)
  // Encoded bytes name nothing of ours, and could hide a slash.
  if (!/^(\/[A-Za-z0-9._~:@+-]+)+$/.test(given)) throw new Refusal('the path is not in its plain form')
  if (given.split('/').some((segment) => segment === '.' || segment === '..'))
    throw new Refusal('the path has dots for a segment')
  // Whatever version a caller names, the engine is asked in its own: bodies mean other things in older ones.
  const path = given.replace(/^\/v1\.\d{1,2}(?=\/)/, '')
  return { path, query: parseQuery(mark < 0 ? '' : url.slice(mark + 1)) }
}

function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>()
  for (const pair of text.split('&').filter((one) => one !== '')) {
    const equals = pair.indexOf('=')
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals))
    if (query.has(name)) throw new Refusal('a parameter of the query is given twice')
    query.set(name, decoded(equals < 0 ? '' : pair.slice(equals + 1)))
  }
  return query
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new Refusal('the query is not in its plain form', 400)
  }
}

/** Parameters that a route knows, each with what it may be. */
export type Parameters = Record<string, RegExp>

/** The query as it is sent on. Throws `Refusal` for a parameter that the route does not know, or a value it may not have. */
export function judgeQuery(query: Map<string, string>, known: Parameters): URLSearchParams {
  const sent = new URLSearchParams()
  for (const [name, value] of query) {
    const pattern = Object.hasOwn(known, name) ? known[name] : undefined
    if (!pattern) throw new Refusal(`the parameter ${plain(name)} is not allowed`)
    if (!pattern.test(value)) throw new Refusal(`the parameter ${name} may not be that`)
    sent.set(name, value)
  }
  return sent
}

const plain = (name: string) => name.slice(0, 40).replaceAll(/[^A-Za-z0-9_-]/g, '?')
