import { readFile } from 'node:fs/promises'
import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'

const database = testDatabase()

// Columns that no runtime role may read, so schema.ts has no table for them.
const closed = new Set([
  'context_key',
  'installation',
  'key_rotations',
  'sealing_keys',
  'refresh_tokens',
  'audit_pending',
  'audit_chain',
  'audit_head',
  'audit_checkpoints',
  'configurations',
  'gone_agents',
  'api_proof',
  'sign_in_flows',
  'api_key_secrets',
  'admin_sessions',
  'admin_refresh_tokens',
  'agent_room',
  'passkey_challenges',
  'second_factors',
  'recovery_codes',
  'action_assertions',
  'changes',
  'live_streams',
])

type Column = { name: string; type: string; nullable: boolean; optional: boolean }

/** What schema.ts says, read as text: every `export type XTable = {...}` block. */
async function declared(): Promise<Map<string, Column[]>> {
  const files = ['schema.ts', 'account-tables.ts', 'agent-tables.ts']
  const texts = await Promise.all(
    files.map((name) => readFile(new URL(`../${name}`, import.meta.url), 'utf8')),
  )
  const text = texts.join('\n')
  const names = new Map(
    [...text.matchAll(/^ {2}(\w+): (\w+Table)$/gm)].map((match) => [match[2]!, match[1]!]),
  )
  const tables = new Map<string, Column[]>()
  for (const [, typeName, body] of text.matchAll(/^export type (\w+Table) = \{\n([\s\S]*?)^\}/gm)) {
    const columns = [...body!.matchAll(/^ {2}(\w+): (.+)$/gm)].map(([, name, type]) =>
      describeColumn(name!, type!),
    )
    tables.set(names.get(typeName!)!, columns)
  }
  return tables
}

function describeColumn(name: string, type: string): Column {
  const optional =
    /^(Generated|JsonDefault|Big|TimeDefault)\b/.test(type) || /string\[\] \| undefined/.test(type)
  const nullable = /\| null\b/.test(type) || type.startsWith('MaybeTime')
  return { name, type: basic(type), nullable, optional }
}

function basic(type: string): string {
  if (/^(Time|TimeDefault|MaybeTime)\b/.test(type)) return 'time'
  if (/^Json/.test(type) || /^ColumnType<(Record|string\[\] \| null)/.test(type)) return 'json'
  if (/^ColumnType<\w+\[\],/.test(type)) return 'array'
  if (/Buffer/.test(type)) return 'bytes'
  if (/^Big\b|number/.test(type)) return 'number'
  if (/boolean/.test(type)) return 'boolean'
  return 'text'
}

const postgresTypes: Record<string, string> = {
  uuid: 'text',
  text: 'text',
  inet: 'text',
  jsonb: 'json',
  bytea: 'bytes',
  boolean: 'boolean',
  integer: 'number',
  bigint: 'number',
  smallint: 'number',
  numeric: 'number',
  ARRAY: 'array',
  'timestamp with time zone': 'time',
}

test('schema.ts says what the database is: tables, columns, types, nullability, defaults', async () => {
  const rows = await database.asSuperuser<{
    table_name: string
    column_name: string
    data_type: string
    is_nullable: string
    column_default: string | null
    is_identity: string
  }>(`select table_name, column_name, data_type, is_nullable, column_default, is_identity
      from information_schema.columns where table_schema = 'nora' order by table_name, ordinal_position`)
  const real = new Map<string, Column[]>()
  for (const row of rows) {
    if (closed.has(row.table_name)) continue
    const columns = real.get(row.table_name) ?? []
    real.set(row.table_name, columns)
    const type = postgresTypes[row.data_type]
    expect(type, `${row.table_name}.${row.column_name} has the unknown type ${row.data_type}`).toBeDefined()
    columns.push({
      name: row.column_name,
      type: type!,
      nullable: row.is_nullable === 'YES',
      optional: row.column_default !== null,
    })
  }
  const said = await declared()
  expect([...said.keys()].sort()).toEqual([...real.keys()].sort())
  for (const [table, columns] of real) expect(said.get(table), table).toEqual(columns)
})
