/** An opened secret's fields; whoever opened them wipes them. */
export type Fields = Record<string, Buffer>

/** What a form is made of: where it may ask, the secret, and the time in milliseconds since the epoch. */
export type Trial = { base: URL; fields: Fields; now: number }

/** What becomes a test's result. `reason` is for people. */
export type KeyTest = { outcome: 'works' | 'refused'; reason: string }

/** `works`, perhaps with something to know; else why not. Undefined: the status says it all. */
export type Judgement = { works: true; remark?: string } | { works: false; why: string } | undefined

/** One HTTP call that costs nothing and that a wrong secret cannot make. */
export type Call = {
  url: URL
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string
  /** `json` is undefined for an answer that is none. Nothing of it may come into words: a host can say the secret back. */
  judge?: (status: number, json: unknown) => Judgement
}

export type Form = (trial: Trial) => Call | Promise<Call>

/** Says why a stored secret cannot be tried at all, in words for people; no secret is ever in it. */
export class UntriableError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UntriableError'
  }
}

/** A field's bytes. @throws UntriableError */
export function bytesOf(fields: Fields, name: string): Buffer {
  const value = fields[name]
  if (!value) throw new UntriableError(`the stored secret has no ${name}`)
  return value
}

/**
 * A field for a header or an address, which must be strings, which cannot be wiped: the one place where a secret becomes
 * one, for this request. @throws UntriableError
 */
export function textOf(fields: Fields, name: string): string {
  const text = bytesOf(fields, name).toString('latin1')
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new UntriableError(`its ${name} has characters that no API key can have`)
  }
  return text
}

/** A path below a base URL, whose own query is dropped. */
export function under(base: URL, path: string): URL {
  const url = new URL(base)
  const [pathname = '', query = ''] = path.split('?', 2)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${pathname}`
  url.search = query
  url.hash = ''
  return url
}

/** A member of an answer's JSON, however deep; undefined where there is none. */
export function memberOf(json: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (value, name) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, name)
        ? (value as Record<string, unknown>)[name]
        : undefined,
    json,
  )
}
