import { printable } from '../printable.ts'

type Actor = { kind: string }

/** Who did it; `person` is what somebody with that id is called. */
export function actorWords({ kind }: Actor, userId: string, person: (id: string) => string): string {
  if (kind === 'user') return person(userId)
  if (kind === 'api_key') return `A program with a key of ${person(userId)}`
  return kind === 'anonymous' ? 'Nobody signed in' : 'Nora'
}

const kinds: Record<string, string> = {
  'api-key': 'Agent Hub key',
  'exchange-credential': 'Exchange credential',
  'provider-key': 'Provider key',
  user: 'Person',
}

/** What kind of thing it was done to. */
export function targetWords(kind: string): string {
  const words = kinds[kind] ?? printable(kind).replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The beginning of an id, enough to tell it from others on a page. */
export const shortId = (id: string): string => (/^[0-9a-f-]{36}$/.test(id) ? id.slice(0, 8) : printable(id))

/** What an entry says besides, as pairs of texts: a name, and what is there, in JSON where it is no plain text. */
export function detailPairs(details: Record<string, unknown>): { title: string; value: string }[] {
  return Object.entries(details).map(([name, value]) => ({
    title: printable(name),
    value: printable(typeof value === 'string' ? value : JSON.stringify(value)),
  }))
}
