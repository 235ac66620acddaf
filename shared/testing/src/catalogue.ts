import type { TestDatabase } from './clone-database.ts'

export type Column = {
  name: string
  /** As `format_type` writes it: `uuid`, `text`, `text[]`, `timestamp with time zone`. */
  type: string
  nullable: boolean
  hasDefault: boolean
  /** Generated or an identity: nobody gives it a value. */
  generated: boolean
}
export type Reference = { name: string; columns: string[]; table: string; of: string[] }
export type Table = {
  name: string
  kind: 'table' | 'view'
  columns: Column[]
  key: string[]
  references: Reference[]
  /** Unique indexes, the primary key's too; `plain` when it is on columns alone and on all rows. */
  uniques: { name: string; columns: string[]; plain: boolean }[]
  /** `text` is the expression. */
  checks: { name: string; columns: string[]; text: string }[]
}

/** Every table and view of schema nora, as the catalogue has them: one that is new is among them without anybody writing it down. */
export async function catalogue(database: TestDatabase): Promise<Table[]> {
  const tables = await database.asSuperuser<{ oid: number; name: string; relkind: string }>(
    `select c.oid::int as oid, c.relname as name, c.relkind::text from pg_class c
     where c.relnamespace = 'nora'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f') order by c.relname`,
  )
  const columns = await database.asSuperuser<Column & { oid: number }>(
    `select a.attrelid::int as oid, a.attname as name, format_type(a.atttypid, null) as type, not a.attnotnull as nullable,
       a.atthasdef as "hasDefault", a.attidentity <> '' or a.attgenerated <> '' as generated
     from pg_attribute a join pg_class c on c.oid = a.attrelid
     where c.relnamespace = 'nora'::regnamespace and a.attnum > 0 and not a.attisdropped order by a.attnum`,
  )
  const constraints = await database.asSuperuser<{
    oid: number
    name: string
    type: string
    columns: string[]
    table: string | null
    of: string[] | null
    text: string
  }>(
    `select k.conrelid::int as oid, k.conname as name, k.contype::text as type, ${namesOf('k.conrelid', 'k.conkey')} as columns,
       f.relname as table, ${namesOf('k.confrelid', 'k.confkey')} as of, coalesce(pg_get_expr(k.conbin, k.conrelid), '') as text
     from pg_constraint k left join pg_class f on f.oid = k.confrelid
     where k.connamespace = 'nora'::regnamespace order by k.conname`,
  )
  const uniques = await database.asSuperuser<{
    oid: number
    name: string
    columns: string[] | null
    plain: boolean
  }>(
    `select i.indrelid::int as oid, c.relname as name, i.indpred is null and i.indexprs is null as plain,
       (select array_agg(a.attname::text order by a.attnum) from pg_attribute a where a.attrelid = i.indrelid and a.attnum > 0
         and (a.attnum = any (i.indkey::int2[])
           or exists (select 1 from pg_depend d where d.objid = i.indexrelid and d.refobjid = i.indrelid and d.refobjsubid = a.attnum)))
         as columns
     from pg_index i join pg_class c on c.oid = i.indexrelid
     where c.relnamespace = 'nora'::regnamespace and i.indisunique order by 2`,
  )
  return tables.map(({ oid, name, relkind }) => {
    const own = constraints.filter((one) => one.oid === oid)
    return {
      name,
      kind: relkind === 'r' || relkind === 'p' ? 'table' : 'view',
      columns: columns.filter((one) => one.oid === oid).map(({ oid: _, ...column }) => column),
      key: own.find((one) => one.type === 'p')?.columns ?? [],
      references: own
        .filter((one) => one.type === 'f')
        .map((one) => ({ name: one.name, columns: one.columns, table: one.table!, of: one.of! })),
      uniques: uniques
        .filter((one) => one.oid === oid)
        .map((one) => ({ name: one.name, columns: one.columns ?? [], plain: one.plain })),
      checks: own
        .filter((one) => one.type === 'c')
        .map((one) => ({ name: one.name, columns: one.columns, text: one.text })),
    }
  })
}

const namesOf = (table: string, numbers: string) =>
  `(select array_agg(a.attname::text order by x.place) from unnest(${numbers}) with ordinality as x (number, place)
     join pg_attribute a on a.attrelid = ${table} and a.attnum = x.number)`

export type Privileges = {
  select: string[]
  insert: string[]
  update: string[]
  delete: boolean
}

/** What the role was granted of a table: names of columns. */
export async function privilegesOf(database: TestDatabase, role: string, table: string): Promise<Privileges> {
  const rows = await database.asSuperuser<{
    name: string
    select: boolean
    insert: boolean
    update: boolean
  }>(
    `select a.attname as name, ${['select', 'insert', 'update']
      .map((what) => `has_column_privilege($1, a.attrelid, a.attnum, '${what}') as "${what}"`)
      .join(', ')}
     from pg_attribute a where a.attrelid = format('nora.%I', $2::text)::regclass and a.attnum > 0 and not a.attisdropped
     order by a.attnum`,
    [role, table],
  )
  const [whole] = await database.asSuperuser<{ granted: boolean }>(
    `select has_table_privilege($1, format('nora.%I', $2::text)::regclass, 'delete') as granted`,
    [role, table],
  )
  const named = (what: 'select' | 'insert' | 'update') =>
    rows.filter((row) => row[what]).map((row) => row.name)
  return {
    select: named('select'),
    insert: named('insert'),
    update: named('update'),
    delete: whole!.granted,
  }
}
