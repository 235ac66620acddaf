import { randomBytes } from 'node:crypto'
import { fc, fuzzRuns, fuzzSeed } from '@nora/testing/fuzz'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { letsIn } from '../authorization/cells.ts'
import type { Row } from '../authorization/row.ts'
import { table } from '../authorization/table.ts'
import { fingerprints } from '../authorization/testing/fingerprint.ts'
import { type Caller, type World, type Worlds, worlds } from '../authorization/testing/world.ts'
import { testApi } from '../testing/test-api.ts'
import { type Judge, judge } from './testing/judge.ts'
import { type Document, type Operation, operationsOf } from './testing/operations.ts'
import { type Example, type FuzzRequest, requestsOf } from './testing/requests.ts'
import { type FuzzAnswer, sender } from './testing/send.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
type Fuzzer = 'anonymous' | 'viewer' | 'owner' | 'program' | 'adminSession'
/** Who asks: nobody, who may little, and who may most. */
function who({ url }: Operation): [Fuzzer, Fuzzer, Fuzzer] {
  if (url.startsWith('/api/agent-hub/')) return ['anonymous', 'owner', 'program']
  if (url.startsWith('/api/admin/')) return ['anonymous', 'owner', 'adminSession']
  return ['anonymous', 'viewer', 'owner']
}
/** Requests for each route and principal. A password costs the server a tenth of a second, so where one is sent there are fewer. */
const runs = Math.ceil(fuzzRuns / 25)
const atOnce = 6

let makers: Worlds
let foreign: World
let foreignIds: string[]
let foreignRows: () => Promise<Record<string, string>>
let operations: Operation[]
let check: Judge
let wire: ReturnType<typeof sender>
let sent = 0
const statuses = new Map<number, number>()

beforeAll(async () => {
  makers = await worlds(api, database)
  await database.asSuperuser(
    `insert into nora.workers (id, kid8, key_version, internal_url, last_seen_at)
     values ('w', $1, 1, 'http://127.0.0.1:1', now() + interval '1 hour')`,
    [api.deps.sealKey.kid8],
  )
  foreign = await makers.make()
  foreignIds = await idsOf(foreign)
  foreignRows = await fingerprints(database, foreign.workspaceId)
  const document = (await api.anonymous.get('/api/openapi.json')).body as Document
  operations = operationsOf(document)
  check = judge(document)
  wire = sender(api.url)
})
afterAll(() => {
  wire?.close()
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
  process.stdout.write(
    `fuzz: ${sent} requests to ${operations.length} operations, each as nobody, somebody and who may most, seed ${fuzzSeed} (${counts.join(', ')})\n`,
  )
})

/** Something of each kind that a path can name. */
const idsOf = async (world: World) => {
  const names = ['workspace', 'agent', 'key', 'invitation', 'member', 'keyOperation'] as const
  return Promise.all(names.map((name) => world.id(name, world.maker)))
}

const areas = [
  ...new Set(
    table
      .filter(({ route }) => !route.startsWith('WS '))
      .map(({ route }) => route.replace(/^\w+ /, '').split('/').slice(0, 3).join('/')),
  ),
]

describe('whatever is sent, no fault, no leak, and the answer that is declared:', () => {
  test.each(areas)('%s', async (area) => {
    const inArea = operations.filter(({ url }) => url === area || url.startsWith(`${area}/`))
    expect(inArea.length).toBeGreaterThan(0)
    const before = await foreignRows()
    for (const operation of inArea) {
      // Who may most comes last, and may end the world.
      const world = await makers.make()
      for (const principal of who(operation)) await fuzz(world, operation, principal)
    }
    expect(await foreignRows(), 'somebody else’s rows were changed').toEqual(before)
  })

  test('nothing that was sent became a property of every object', () => {
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

test('every operation of the document was tried as everybody, and a fair part of it was let in', () => {
  expect(sent).toBeGreaterThan(operations.length * 3)
  const good = [...statuses].filter(([status]) => status < 300).reduce((sum, [, count]) => sum + count, 0)
  expect(good / sent).toBeGreaterThan(0.1)
})

/** The row of the matrix whose request an owner may send. */
function exampleOf({ method, url }: Operation): Row {
  const rows = table.filter(({ route }) => route === `${method} ${url}`)
  const found = rows.find(({ cells }) => letsIn(cells.owner)) ?? rows[0]
  if (!found) throw new Error(`${method} ${url} has no row in the authorization matrix`)
  return found
}

async function fuzz(world: World, operation: Operation, principal: Fuzzer): Promise<void> {
  const row = exampleOf(operation)
  const caller = await world.as(principal)
  if (principal !== 'anonymous') await world.stepUp(caller)
  const { ids = {}, query, body } = row.example
  let path = operation.url.replace('*', 'some/path')
  for (const [name, resource] of Object.entries(ids)) {
    path = path.replace(`:${name}`, await world.id(resource, caller))
  }
  const example: Example = {
    path,
    query,
    body: typeof body === 'function' ? await body(world, caller) : body,
  }
  const marker = `echo-${randomBytes(5).toString('hex')}`
  const own = [
    world.workspaceId,
    ...(await Promise.all(Object.values(ids).map((one) => world.id(one, caller)))),
  ]
  const costly = JSON.stringify(operation.body ?? {}).includes('assword')
  // To whoever runs the server nobody is foreign.
  const runsServer = principal === 'adminSession'
  const named = runsServer ? own : [...own, ...foreignIds]
  const requests = fc.sample(requestsOf(operation, example, named, marker), {
    numRuns: Math.ceil(runs / (costly ? 3 : principal === 'anonymous' ? 2 : 1)),
    seed: fuzzSeed,
  })
  const known = credentialsOf(caller)
  for (let begin = 0; begin < requests.length; begin += atOnce) {
    await Promise.all(
      requests.slice(begin, begin + atOnce).map(async (one) => {
        const whole = { ...one, headers: { ...caller.headers, ...known, ...one.headers } }
        const answer = await wire.send(whole)
        sent++
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
        const faults = check(operation, answer, {
          foreign: runsServer ? undefined : foreign.marker,
          sent: marker,
        })
        expect(faults, describeCase(operation, principal, one, answer)).toEqual([])
      }),
    )
  }
}

function credentialsOf({ client }: Caller): Record<string, string> {
  if (client.accessToken !== undefined) return { authorization: `Bearer ${client.accessToken}` }
  if (client.csrfToken === undefined) return {}
  const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return { cookie, origin: api.origin, 'x-csrf-token': client.csrfToken }
}

function describeCase({ method, url }: Operation, who: string, one: FuzzRequest, answer: FuzzAnswer): string {
  const body = one.body?.toString().slice(0, 1_500)
  return [
    `${method} ${url} as ${who}, NORA_FUZZ_SEED=${fuzzSeed} NORA_FUZZ_RUNS=${fuzzRuns}`,
    `sent ${JSON.stringify({ path: one.path.slice(0, 500), headers: one.headers, body })}`,
    `answered ${answer.status} ${answer.text.slice(0, 1_000)}`,
    ...loggedAbout(answer),
  ].join('\n')
}

/** What the api wrote about a fault; the answer itself does not say. */
const loggedAbout = ({ status, headers }: FuzzAnswer) =>
  status < 500
    ? []
    : api.logged.filter((line) => line.includes(String(headers['x-correlation-id']))).slice(0, 3)
