import type { CatalogEntry, CatalogField, Secret } from './calls.ts'

/** Secrets of several lines, which a one-line field would break. */
export const hasLines = ({ title }: Pick<CatalogField, 'title'>): boolean => /\b(PEM|JSON)\b/.test(title)

export const fieldName = (field: string): string => `secret.${field}`
/** The names of the two fields of the n-th pair, where any names are taken. */
export const pairNames = (pair: number): { name: string; value: string } => ({
  name: `pair.${pair}.name`,
  value: `pair.${pair}.value`,
})

type Read = { secret: Secret } | { errors: Record<string, string> }

/**
 * The secret that somebody typed, or what is wrong by field. `kept` are fields that stay as they are when they are left empty
 * (an account's address, when only its key is replaced).
 */
export function readSecret(form: FormData, entry: CatalogEntry, kept: readonly string[] = []): Read {
  return entry.anyFields ? readPairs(form) : readFields(form, entry, kept)
}

function readFields(form: FormData, entry: CatalogEntry, kept: readonly string[]): Read {
  const secret: Secret = {}
  for (const { name } of entry.fields) {
    const value = text(form, fieldName(name)).trim()
    if (value !== '') secret[name] = value
  }
  const has = (name: string) => name in secret || kept.includes(name)
  const missing = entry.fields.filter(({ name, required }) => required && !has(name))
  if (missing.length > 0)
    return { errors: Object.fromEntries(missing.map(({ name }) => [fieldName(name), 'Fill this in.'])) }
  const first = entry.fields[0]
  const complete = entry.alternatives.some((names) => names.every(has))
  if (!complete && first) return { errors: { [fieldName(first.name)]: `${waysToFill(entry)}.` } }
  return { secret }
}

const nameRule = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/

function readPairs(form: FormData): Read {
  const secret: Secret = {}
  const errors: Record<string, string> = {}
  const pairs = [...form.keys()].flatMap((key) => /^pair\.(\d+)\.name$/.exec(key)?.[1] ?? [])
  for (const pair of pairs) {
    const at = pairNames(Number(pair))
    const name = text(form, at.name).trim()
    // Spaces around a value may belong to it here.
    const value = text(form, at.value)
    if (name === '' && value === '' && pairs.length > 1) continue
    if (!nameRule.test(name)) errors[at.name] = 'Letters, digits and _, and no digit first.'
    else if (name in secret) errors[at.name] = 'This name is there already.'
    if (value === '') errors[at.value] = 'Fill this in.'
    secret[name] = value
  }
  if (Object.keys(errors).length > 0) return { errors }
  return Object.keys(secret).length > 0 ? { secret } : { errors: { 'pair.0.name': 'Add at least one.' } }
}

const text = (form: FormData, name: string): string => {
  const value = form.get(name)
  return typeof value === 'string' ? value : ''
}

/** "Fill in Account SID and Auth token, or Account SID, API key SID and API key secret"; empty where there is one way. */
export function waysToFill({ fields, alternatives }: CatalogEntry): string {
  if (alternatives.length < 2) return ''
  const title = (name: string) => fields.find((field) => field.name === name)?.title ?? name
  return `Fill in ${alternatives.map((names) => listed(names.map(title))).join(', or ')}`
}

/** "a, b and c" */
export const listed = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

/** Where Nora itself will send a secret, for a base URL as far as it is typed; empty: nowhere. */
export function destinationsOf(entry: CatalogEntry, baseUrl: string): string[] {
  const typed = baseUrl.trim()
  if (entry.baseUrl !== 'none' && typed !== '') return URL.canParse(typed) ? [new URL(typed).host] : []
  return entry.destinationHosts
}

/** The entries that somebody means who types `words`: all of which must be in a name, or in where it goes. */
export function searchCatalog(entries: readonly CatalogEntry[], words: string): CatalogEntry[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean)
  return entries.filter((entry) => {
    const has = [entry.name, entry.provider, ...entry.destinationHosts].join(' ').toLowerCase()
    return wanted.every((word) => has.includes(word))
  })
}
