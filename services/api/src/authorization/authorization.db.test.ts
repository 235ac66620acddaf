import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { apiProof } from '../oauth/api-proof.ts'
import { invokedAgent } from '../testing/invoked-agent.ts'
import { quiet } from '../testing/log-sockets.ts'
import { type StandInWorker, standInWorker } from '../testing/stand-in-worker.ts'
import { testApi } from '../testing/test-api.ts'
import { letsIn, type Outcome } from './cells.ts'
import { type Principal, principalNames } from './principals.ts'
import { type Row, titleOf } from './row.ts'
import { table, undecided } from './table.ts'
import { ofHead, prepare, type Send } from './testing/ask.ts'
import { fingerprints } from './testing/fingerprint.ts'
import { type World, type Worlds, worlds } from './testing/world.ts'

const database = testDatabase()
const github = { kind: 'github', id: 'github', name: 'GitHub', clientId: 'x', clientSecret: 'x' } as const
const signInProviders = [{ ...github, webUrl: 'https://github.test', apiUrl: 'https://api.github.test' }]
const limits = { vcpu: 4, ramMb: 8192, diskGb: 50, agents: 10_000 }
const api = testApi(database, testRedis(), { config: { signInProviders, limits } })
const invoked = invokedAgent(database, api)
let worker: StandInWorker
let makers: Worlds
/** Where everybody asks who is refused, stepped up, so that nothing but authorization can refuse them. */
let closed: World
/** Where whoever is let in asks for what changes nothing. */
let open: World
let sums: () => Promise<Record<string, string>>
let requestCount = 0

const rows = table.map((row) => [titleOf(row), row] as const)
const cellsOf = (row: Row, kind: (outcome: Outcome) => boolean): Principal[] =>
  principalNames.filter((principal) => kind(row.cells[principal]))
/** Until the api writes nothing any more: of some refusals it writes beside the answer, which may come after the answer. */
const resting = () =>
  waitUntil('the api to rest', async () => {
    const busy = await database.asSuperuser(
      `select 1 from pg_stat_activity where datname = current_database() and usename = 'nora_app' and state <> 'idle'`,
    )
    return busy.length === 0
  })
const isSafe = ({ route, example }: Row) => /^(GET|WS) /.test(route) || example.harmless === true

beforeAll(async () => {
  // Remembered with the first need of it, which no refusal should seem to have done.
  await apiProof(api.deps)
  worker = await standInWorker(quiet)
  makers = await worlds(api, database)
  await database.asSuperuser(
    `insert into nora.workers (id, kid8, key_version, internal_url, last_seen_at) values ('w', $1, 1, $2, now() + interval '1 hour')`,
    [api.deps.sealKey.kid8, worker.url],
  )
  closed = await makers.make()
  open = await makers.make()
  for (const principal of principalNames) await closed.stepUp(await closed.as(principal))
  const agent = await open.id('agent', open.maker)
  await invoked.hang(agent, 'running')
  await invoked.route(agent, open.maker.client, invoked.programPort, open.workspaceId)
  sums = await fingerprints(database)
})
afterAll(async () => {
  await worker?.stop()
  const routes = api.app.routeList.length + api.app.upgradeList.length
  process.stdout.write(
    `authorization: ${routes} routes x ${principalNames.length} principals, ${requestCount} requests\n`,
  )
})

test('every route has been decided about, and every decision is about a route', () => {
  expect(undecided([...api.app.routeList, ...api.app.upgradeList])).toEqual([])
})

describe('who is not let in is refused as the table says, learns nothing and changes nothing:', () => {
  test.each(rows)('%s', async (_, row) => {
    const world = row.example.apart ? await makers.make() : closed
    const requests: [Principal, Send][] = []
    for (const principal of cellsOf(row, (outcome) => !letsIn(outcome))) {
      requests.push([principal, await prepare(world, row, await world.as(principal))])
    }
    await resting()
    const before = await sums()
    for (const [principal, send] of requests) {
      const cell = `${titleOf(row)} as ${principal}`
      const expected = row.route.startsWith('HEAD ') ? ofHead(row.cells[principal]) : row.cells[principal]
      const { outcome, text } = await counted(send)
      expect(outcome, cell).toBe(expected)
      expect(text, cell).not.toContain(world.marker)
      if (hasHead(row)) expect((await counted(send, 'HEAD')).outcome, `${cell}, HEAD`).toBe(ofHead(expected))
    }
    const after = await sums()
    for (const name of row.example.refusalWrites ?? []) after[name] = before[name]!
    expect(after, `${titleOf(row)}: a refusal changed a row`).toEqual(before)
  })
})

describe('who is let in is answered as the table says:', () => {
  test.each(rows)('%s', async (_, row) => {
    for (const principal of cellsOf(row, letsIn)) {
      const world = isSafe(row) ? open : row.example.apart ? await makers.make() : open.again()
      const caller = await world.as(principal)
      const cell = `${titleOf(row)} as ${principal}`
      const send = await prepare(world, row, caller)
      if (row.example.stepUp) {
        await world.stepDown(caller)
        expect((await counted(send)).outcome, `${cell}, not stepped up`).toBe('403 step-up-required')
        await world.stepUp(caller)
      }
      const { outcome, text } = await counted(send)
      expect(outcome, `${cell}: ${text}`).toBe(row.cells[principal])
      if (!isMember(principal)) expect(text, cell).not.toContain(world.marker)
      if (hasHead(row)) expect((await counted(send, 'HEAD')).outcome, `${cell}, HEAD`).toBe(outcome)
    }
  })
})

function counted(send: Send, method?: 'HEAD'): ReturnType<Send> {
  requestCount++
  return send(method)
}

const isMember = (principal: Principal) =>
  ['viewer', 'editor', 'admin', 'owner', 'program', 'programWithout', 'programOfViewer'].includes(principal)

/** Whether the api answers a HEAD of its own for this GET. */
function hasHead({ route }: Row): boolean {
  const url = /^GET (.*)$/.exec(route)?.[1]
  return url !== undefined && api.app.routeList.some((one) => one.method === 'HEAD' && one.url === url)
}
