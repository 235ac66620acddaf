import { randomBytes, randomUUID } from 'node:crypto'
import type { TestDatabase } from '@nora/testing/clone-database'
import type { Scene } from './attack-tables.ts'
import { type Outcome, openSession, type Session } from './attempts.ts'
import { decisions } from './functions.ts'
import { roles } from './stances.ts'

export type Callable = {
  schema: string
  name: string
  /** Names and types of what it takes, in order. */
  parameters: { name: string; type: string }[]
  /** The roles of ours that may call it. */
  to: string[]
}

/** Every function that is not Postgres's own and that a role of ours that is attacked, or everybody, may call. */
export async function callables(database: TestDatabase): Promise<Callable[]> {
  const rows = await database.asSuperuser<{
    schema: string
    name: string
    names: string[] | null
    types: string[]
    to: string[]
  }>(
    `select n.nspname as schema, p.proname as name, p.proargnames as names,
       (select coalesce(array_agg(format_type(t, null) order by place), '{}') from unnest(p.proargtypes::oid[]) with ordinality x (t, place)) as types,
       (select coalesce(array_agg(r order by r), '{}') from unnest($1::text[]) r where has_function_privilege(r, p.oid, 'execute')) as to
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname not in ('pg_catalog', 'information_schema') and p.prorettype <> 'trigger'::regtype order by 1, 2`,
    [Object.keys(roles).filter((role) => roles[role]!.attacked)],
  )
  return rows
    .filter(({ to }) => to.length > 0)
    .map(({ names, types, ...rest }) => ({
      ...rest,
      parameters: types.map((type, n) => ({ name: names?.[n] ?? '', type })),
    }))
}

export type Called = { calls: number; wrong: string[] }

/**
 * Calls functions from a stance with everything of theirs that their parameters may mean, and with the same of nobody's: the
 * answers must be alike, and nothing of theirs may have changed. Each call is undone.
 */
export async function callWithTheirs(
  scene: Scene,
  functions: readonly Callable[],
  stance: Scene['stances'][number],
): Promise<Called> {
  const session = await openSession(scene.database.superuserUrl)
  const result: Called = { calls: 0, wrong: [] }
  try {
    const before = await fingerprint(session, scene)
    await session.run(`set session authorization ${stance.role}; begin; ${stance.enter ?? ''}`)
    for (const callable of functions) {
      for (const proof of proofsFor(scene, callable)) {
        const text = textOf(callable, values(scene, callable, proof, 'alice'))
        const nobodys = textOf(callable, values(scene, callable, proof, 'nobody'))
        const about = `${stance.name}: ${callable.name}(${callable.parameters.map(({ name }) => name).join(', ')})`
        const [theirs, absent] = [await session.attempt(text), await session.attempt(nobodys)]
        if (!decisions[callable.name]?.tells && plain(theirs) !== plain(absent)) {
          result.wrong.push(`${about} tells: ${plain(theirs)} or ${plain(absent)}`)
        }
        // What was refused has changed nothing.
        const done = theirs.code === undefined
        if (done && (await changes(session, scene, text, before)))
          result.wrong.push(`${about} changes rows of theirs`)
        result.calls += done ? 3 : 2
      }
    }
  } finally {
    await session.end()
  }
  return result
}

/** Whose session is shown where one is asked for: theirs without its secret, and my own with it. */
function proofsFor(scene: Scene, { parameters }: Callable): Record<string, string>[] {
  const wrong = { p_secret: `\\x${randomBytes(32).toString('hex')}` }
  if (!parameters.some(({ name }) => name === 'p_session')) return [wrong]
  const mine = { p_session: scene.mallory.sessionId, p_secret: `\\x${scene.mallory.secret.toString('hex')}` }
  return [wrong, mine]
}

function values(
  { alice, theirs }: Scene,
  { parameters }: Callable,
  proof: Record<string, string>,
  whose: 'alice' | 'nobody',
): string[] {
  const of = (table: string, column = 'id') => theirs.rows.get(table)?.row[column] ?? null
  const meant: Record<string, string | null> = {
    p_agent: of('agents'),
    p_agents: of('agents'),
    p_credential: of('credentials'),
    p_ids: of('credentials'),
    p_id: of('invitations'),
    p_operation: of('operations'),
    p_owner: alice.userId,
    p_only: alice.userId,
    p_user: alice.userId,
    p_target: alice.userId,
    p_session: alice.sessionId,
    p_stream: of('streams'),
    p_workspace: alice.workspaceId,
    p_workspaces: alice.workspaceId,
    p_email: alice.email,
    p_ticket_hash: of('streams', 'ticket_hash'),
    p_token_hash: of('invitations', 'token_hash'),
    p_worker: 'w-theirs',
  }
  return parameters.map(({ name, type }) => {
    const shown = proof[name]
    if (shown !== undefined) return `'${shown}'::${type}`
    const value = meant[name]
    if (value === undefined || value === null) return sample(type)
    const given = whose === 'alice' ? value : nobodys(value)
    return type.endsWith('[]') ? `'{${given}}'::${type}` : `'${given}'::${type}`
  })
}

function nobodys(value: string): string {
  if (/^[0-9a-f-]{36}$/.test(value)) return randomUUID()
  if (value.startsWith('\\x')) return `\\x${randomBytes((value.length - 2) / 2).toString('hex')}`
  return `nobody-${randomBytes(6).toString('hex')}@example.test`
}

/** Something of a type, where it matters to nobody what. */
function sample(type: string): string {
  const known: Record<string, string> = {
    text: 'viewer',
    uuid: '00000000-0000-4000-8000-000000000000',
    boolean: 'true',
    interval: '1 minute',
    bytea: `\\x${'5a'.repeat(32)}`,
    jsonb: '{}',
    inet: '192.0.2.1',
    'timestamp with time zone': '2026-01-01T00:00:00Z',
  }
  if (/^(integer|bigint|smallint)$/.test(type)) return `1::${type}`
  if (type.endsWith('[]')) return `'{}'::${type}`
  return known[type] === undefined ? `null::${type}` : `'${known[type]}'::${type}`
}

const textOf = ({ schema, name }: Callable, given: string[]) =>
  `select * from ${schema}.${name}(${given.join(', ')})`

/** An answer without ids and times, which are new each time. */
const plain = ({ text, code, count }: Outcome) =>
  `${code ?? `${count} rows`} ${text}`
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
    .replace(/nobody-\w+@example\.test|[\w-]+@example\.test/g, '<address>')

async function changes(session: Session, scene: Scene, text: string, before: string): Promise<boolean> {
  await session.run('savepoint call')
  try {
    await session.run(text)
    // Within the same transaction, past the policies: what is undone afterwards is seen as if it stayed.
    await session.run('reset session authorization')
    return (await fingerprint(session, scene)) !== before
  } finally {
    await session.run('rollback to call; release call')
  }
}

/** Everything that stands about them in any table. */
async function fingerprint(session: Session, { tables, alice, theirs }: Scene): Promise<string> {
  const about = [alice.userId, alice.workspaceId, alice.sessionId, theirs.mark]
  const list = about.map((one) => `'%${one}%'`).join(', ')
  const parts = tables
    .filter(({ kind }) => kind === 'table')
    .map(
      ({ name }) =>
        `select '${name}' as t, t::text as r from nora.${name} t where t::text like any (array[${list}])`,
    )
  const [result] = await session.run(
    `select md5(coalesce(string_agg(t || r, '|' order by t, r), '')) as sum from (${parts.join(' union all ')}) x`,
  )
  return result!.rows[0].sum
}
