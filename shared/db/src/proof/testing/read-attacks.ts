import type { Table } from '@nora/testing/catalogue'
import { literal, matches, type Row, typeOf } from '@nora/testing/made-rows'
import type { Outcome } from './attempts.ts'
import { type Attack, refused, type Target } from './target.ts'

const read = (name: string, text: string, wrong: Attack['wrong']): Attack => ({
  name,
  kind: 'read',
  text,
  wrong,
})
const readable = ({ table, granted }: Target) =>
  granted.select.length > 0 ? granted.select : table.columns.map((column) => column.name)

const seeing =
  (tells: readonly string[]) =>
  ({ text, code }: Outcome) => {
    if (code !== undefined && !refused.has(code)) return `failed with ${code}: ${text}`
    return tells.some((tell) => text.includes(tell)) ? 'shows a row of theirs' : undefined
  }

/** Whatever the whole of it shows. */
export function looks(target: Target): Attack[] {
  const { table, tells } = target
  const name = `nora.${table.name}`
  const list = readable(target).join(', ')
  const seen = seeing(tells)
  return [
    read('select all', `select ${list} from ${name}`, seen),
    read('aggregate', `select string_agg(concat_ws(' ', ${list}), ' ') from ${name}`, seen),
    read('cursor', `declare c cursor for select ${list} from ${name}; fetch all from c`, seen),
    read('copy', `copy (select ${list} from ${name}) to stdout`, seen),
    read('explain', `explain (analyze, verbose, costs off) select ${list} from ${name}`, seen),
    read(
      'statistics',
      `select * from pg_stats where schemaname = 'nora' and tablename = '${table.name}'`,
      seen,
    ),
    read(
      'statistics behind the view',
      `select * from pg_statistic where starelid = '${name}'::regclass`,
      seen,
    ),
  ]
}

/** What is asked about one row of theirs. */
export function questions(target: Target): Attack[] {
  const { table, theirs, tells } = target
  const name = `nora.${table.name}`
  const columns = readable(target)
  const key = table.key.length > 0 ? table.key : columns
  const at = matches(table, theirs, key)
  const seen = seeing(tells)
  const counted = (outcome: Outcome) =>
    seen(outcome) ?? (/[1-9]|true/.test(outcome.text) && !outcome.code ? 'counts a row of theirs' : undefined)
  const none = (outcome: Outcome) =>
    seen(outcome) ?? (outcome.count > 0 ? 'finds a row of theirs' : undefined)
  const one = columns[0]!
  return [
    read('select by key', `select 1 from ${name} where ${at}`, none),
    read('count', `select count(*) as n from ${name} where ${at}`, counted),
    read('exists', `select exists (select 1 from ${name} where ${at}) as n`, counted),
    read(
      'join',
      `select t.${one} from (values (1)) v (n) left join ${name} t on ${qualified(table, theirs, key)}`,
      seen,
    ),
    read('sample', `select ${columns.join(', ')} from ${name} tablesample system (100)`, seen),
    read('select for update', `select 1 from ${name} where ${at} for update`, none),
    // What is asked of a row must not be asked of a row that is not seen: neither faults nor casts.
    read(
      'division in the condition',
      `select 1 from ${name} where case when ${at} then 1 / (length(${one}::text) * 0) else 0 end = 1`,
      none,
    ),
    read(
      'cast in the condition',
      `select 1 from ${name} where case when ${at} then ${one}::text || 'x' else '1' end::int = 0`,
      none,
    ),
    read(
      'cast of what is there',
      `select 1 from ${name} where (${at}) and (${one}::text || 'x')::int = 0`,
      none,
    ),
  ]
}

const qualified = (table: Table, row: Row, key: readonly string[]) =>
  key
    .map((name) =>
      row[name] === null ? `t.${name} is null` : `t.${name} = ${literal(row[name], typeOf(table, name))}`,
    )
    .join(' and ')
