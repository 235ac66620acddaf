import { catalogue, type Privileges, privilegesOf, type Table } from '@nora/testing/catalogue'
import type { TestDatabase } from '@nora/testing/clone-database'
import { type Made, makeRows, valuesFor } from '@nora/testing/made-rows'
import { type Person, person } from '@nora/testing/people'
import type { Value } from '@nora/testing/sample-values'
import { attacksOn } from './attacks.ts'
import { connectAs, makeLive, roles, type Stance, stancesOf } from './stances.ts'
import { type Target, tellsOf } from './target.ts'

export type Scene = {
  database: TestDatabase
  tables: Table[]
  /** The attacker and their rows; whom they attack and theirs. */
  mallory: Person
  mine: Made
  alice: Person
  theirs: Made
  stances: Stance[]
  /** Texts that only rows of theirs have. */
  tells: string[]
}

/** Two people with a row in every table, neither of them the platform's admin, and everything the attacker may stand on. */
export async function setScene(database: TestDatabase): Promise<Scene> {
  await person(database, 'admin')
  const mallory = await person(database, 'mallory')
  const alice = await person(database, 'alice')
  const tables = await catalogue(database)
  const mine = await makeRows(database, tables, mallory, 'mark-of-mallory-')
  const theirs = await makeRows(database, tables, alice, 'mark-of-alice-')
  await makeLive(database, mallory, mine, 'w-mine')
  await makeLive(database, alice, theirs, 'w-theirs')
  const stances = stancesOf(mallory, mine)
  await database.asSuperuser('analyze')
  return { database, tables, mallory, mine, alice, theirs, stances, tells: tellsOf(tables, theirs, mine) }
}

export type Report = { wrong: string[]; attacks: number; tables: number; stances: number; unused: string[] }

/** What is tried of a table of which nothing is granted: any of it is refused before anything else is looked at. */
const few = new Set(['select all', 'copy', 'statistics', 'insert as theirs', 'delete all', 'truncate'])
const mayTouch = ({ select, insert, update, delete: remove }: Privileges) =>
  remove || select.length + insert.length + update.length > 0

/** Every attack on every table from every stance. `unused`: what stances.ts lets a role do that it could not do. */
export async function attackTables(scene: Scene): Promise<Report> {
  const { database, tables, stances } = scene
  const report: Report = { wrong: [], attacks: 0, tables: tables.length, stances: stances.length, unused: [] }
  const used = new Set<string>()
  const fresh = new Map<string, Record<string, Value>>()
  const counts = await mineCounts(scene)
  for (const table of tables) {
    if (table.kind === 'table')
      fresh.set(table.name, await valuesFor(database, table, scene.mallory, scene.mine))
  }
  for (const stance of stances) {
    const session = await connectAs(database, stance.role)
    const [usage] = await session.run(`select has_schema_privilege('nora', 'usage') as granted`)
    const mayName = usage!.rows[0].granted
    await session.run(`begin; ${stance.enter ?? ''}; set constraints all immediate`)
    try {
      for (const table of tables) {
        const grants = await grantedTo(database, stance.role, table)
        const target = targetOf(scene, table, grants, {
          fresh: fresh.get(table.name) ?? {},
          mineCount: counts.get(table.name) ?? 0,
        })
        const open = mayName && mayTouch(grants)
        for (const attack of attacksOn(target).filter(({ name }) => open || few.has(name))) {
          report.attacks++
          const wrong = attack.wrong(await session.attempt(attack.text))
          if (wrong === undefined) continue
          const allowed = `${stance.role} ${attack.kind}s ${table.name}`
          if (roles[stance.role]?.[`${attack.kind}s`]?.[table.name]) used.add(allowed)
          else report.wrong.push(`${stance.name}: ${attack.name} on ${table.name} ${wrong}`)
        }
      }
    } finally {
      await session.end()
    }
  }
  report.unused = declared().filter((one) => !used.has(one))
  return report
}

const declared = () =>
  Object.entries(roles).flatMap(([role, { reads = {}, writes = {} }]) => [
    ...Object.keys(reads).map((table) => `${role} reads ${table}`),
    ...Object.keys(writes).map((table) => `${role} writes ${table}`),
  ])

const granted = new WeakMap<TestDatabase, Map<string, Privileges>>()
export async function grantedTo(database: TestDatabase, role: string, table: Table): Promise<Privileges> {
  const known = granted.get(database) ?? new Map<string, Privileges>()
  granted.set(database, known)
  const name = `${role} ${table.name}`
  const found = known.get(name) ?? (await privilegesOf(database, role, table.name))
  known.set(name, found)
  return found
}

function targetOf(
  { mine, theirs, tells }: Scene,
  table: Table,
  grants: Privileges,
  rest: Pick<Target, 'fresh' | 'mineCount'>,
): Target {
  const row = (made: Made) => made.rows.get(table.name)?.row ?? {}
  return { table, granted: grants, mine: row(mine), theirs: row(theirs), tells, ...rest }
}

/** How many rows of each table have something of mine in them. */
async function mineCounts({ database, tables, mine, theirs }: Scene): Promise<Map<string, number>> {
  const tells = tellsOf(tables, mine, theirs).map((tell) => `%${tell}%`)
  const counts = new Map<string, number>()
  for (const { name, kind } of tables) {
    if (kind === 'view') continue
    const [row] = await database.asSuperuser<{ n: number }>(
      `select count(*)::int as n from nora.${name} t where t::text like any ($1)`,
      [tells],
    )
    counts.set(name, row!.n)
  }
  return counts
}
