import type { TestDatabase } from '@nora/testing/postgres'

/** Columns that being looked at changes: when a session was last seen, or a key last used. */
const volatile = ['last_seen_at', 'last_used_at']

/** Marks that go with rows of the others, and away by themselves. */
const marks = 'changes'

/**
 * Gives a function that sums up every table of the schema: table -> a hash of all its rows, in any order. With a workspace,
 * of its rows in the tables that have a workspace.
 */
export async function fingerprints(
  database: TestDatabase,
  workspaceId?: string,
): Promise<() => Promise<Record<string, string>>> {
  const tables = await database.asSuperuser<{ name: string }>(
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'nora' and c.relkind = 'r' and c.relname <> '${marks}' and ($1 or exists (
       select from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id')) order by 1`,
    [workspaceId === undefined],
  )
  const only = workspaceId === undefined ? '' : 'where workspace_id = $1'
  const ignored = volatile.map((column) => ` - '${column}'`).join('')
  const each = tables.map(
    ({
      name,
    }) => `select '${name}' as name, count(*) || ' rows, ' || coalesce(md5(string_agg(h, '' order by h)), '') as sum
      from (select md5((to_jsonb(t)${ignored})::text) as h from nora."${name}" t ${only}) rows`,
  )
  return async () => {
    const sums = await database.asSuperuser<{ name: string; sum: string }>(
      each.join(' union all '),
      workspaceId === undefined ? [] : [workspaceId],
    )
    return Object.fromEntries(sums.map(({ name, sum }) => [name, sum]))
  }
}
