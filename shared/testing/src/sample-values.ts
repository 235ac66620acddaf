import { randomBytes, randomUUID } from 'node:crypto'
import type { Column, Table } from './catalogue.ts'

/** A value as Postgres reads it; null is NULL, undefined the column's default. */
export type Value = string | null | undefined

let counter = 1000

/**
 * Values a column of this type may take, the likeliest first; which of them its checks allow, Postgres says. `mark` stands in
 * what is text, so that it can be found again. Throws for a type that nobody has taught it.
 */
export function sampleValues(table: Table, column: Column, mark: string): Value[] {
  const checks = table.checks.filter((check) => check.columns.includes(column.name)).map(({ text }) => text)
  const own = ofType(column, checks, mark)
  if (!own) {
    throw new Error(
      `no value is known for ${table.name}.${column.name} of type ${column.type}: add one to shared/testing/src/sample-values.ts`,
    )
  }
  return [...own, ...(column.nullable ? [null] : []), ...(column.hasDefault ? [undefined] : [])]
}

function ofType(column: Column, checks: string[], mark: string): Value[] | undefined {
  const numbers = checks.flatMap((text) => (text.match(/-?\d+/g) ?? []).map(Number))
  switch (column.type) {
    case 'uuid':
      return [randomUUID()]
    case 'text':
      return [`${mark}${counter++}`, ...literals(checks)]
    case 'text[]':
      return [`{${mark}${counter++}}`, ...literals(checks).map((one) => `{${one}}`), '{}']
    case 'jsonb':
      return [JSON.stringify({ mark: `${mark}${counter++}` }), '[]', '{}']
    case 'smallint':
    case 'integer':
    case 'bigint':
    case 'numeric':
    case 'double precision':
      return [counter++, ...numbers, ...numbers.map((n) => n + 1), 1, 0].map(String)
    case 'boolean':
      return ['false', 'true']
    case 'bytea':
      return [32, ...numbers.filter((n) => n > 0 && n <= 65_600)].map(
        (length) => `\\x${randomBytes(length).toString('hex')}`,
      )
    case 'timestamp with time zone':
      // What may be missing is missing: a time of its own would end a row's life before it was attacked.
      if (column.nullable || column.hasDefault) return []
      return [new Date(Date.now() + 3_600_000).toISOString()]
    case 'interval':
      return ['1 hour']
    case 'xid8':
      return column.hasDefault ? [] : ['1']
    case 'date':
      return ['2026-01-01']
    case 'inet':
      return ['192.0.2.7']
    case 'inet[]':
    case 'cidr[]':
      return ['{192.0.2.0/24}', '{}']
    case 'cidr':
      return ['192.0.2.0/24']
    case 'uuid[]':
      return [`{${randomUUID()}}`, '{}']
    case 'integer[]':
    case 'smallint[]':
    case 'bigint[]':
      return [`{${counter++}}`, '{}']
    default:
      return undefined
  }
}

/** The words a check names, and for a pattern a word that it matches. */
function literals(checks: string[]): string[] {
  return checks.flatMap((text) =>
    [...text.matchAll(/(~\*?\s*)?'((?:[^']|'')*)'::text/g)].map(([, pattern, word]) =>
      pattern ? matching(word!.replaceAll("''", "'")) : word!.replaceAll("''", "'"),
    ),
  )
}

/** A text that a simple pattern matches: literals, escapes, classes, groups, alternatives, and their repetition. */
function matching(pattern: string): string {
  let at = 0
  const alternatives = (): string => {
    const first = sequence()
    while (pattern[at] === '|') {
      at++
      sequence()
    }
    return first
  }
  const sequence = (): string => {
    let text = ''
    while (at < pattern.length && pattern[at] !== '|' && pattern[at] !== ')') {
      const ofDigits = pattern.startsWith('[0-9', at)
      const atom = one()
      const times = repetition()
      // Long ones are names: no two rows may have the same by chance of the sample.
      text += ofDigits && times >= 8 ? String(counter++).padStart(times, '0') : atom.repeat(times)
    }
    return text
  }
  const one = (): string => {
    const c = pattern[at++]!
    if (c === '^' || c === '$') return ''
    if (c === '.') return 'a'
    if (c === '\\') return escaped(pattern[at++]!)
    if (c === '[') return oneOfClass()
    if (c !== '(') return c
    if (pattern.startsWith('?:', at)) at += 2
    const inner = alternatives()
    at++
    return inner
  }
  const oneOfClass = (): string => {
    const end = pattern.indexOf(']', at + 1)
    const members = pattern.slice(at, end)
    at = end + 1
    if (members.startsWith('^')) return members.includes('a') ? '~' : 'a'
    return members[0] === '\\' ? escaped(members[1]!) : members[0]!
  }
  const repetition = (): number => {
    const braces = /^\{(\d+)(?:,\d*)?\}/.exec(pattern.slice(at))
    if (braces) {
      at += braces[0].length
      return Number(braces[1])
    }
    if (!/[*+?]/.test(pattern[at] ?? '')) return 1
    at++
    return 1
  }
  return alternatives()
}

const escaped = (c: string) => ({ d: '0', w: 'a', s: ' ' })[c] ?? c
