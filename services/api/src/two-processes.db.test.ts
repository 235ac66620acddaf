import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import { freePort } from '@nora/testing/free-port'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, client } from './testing/client.ts'
import { untilServing } from './testing/until-serving.ts'

// Two apis serve one installation: what they count, they count together.
const database = testDatabase()
const redis = testRedis()
const children: ChildProcess[] = []
const urls: string[] = []
const agents = 30
const password = 'correct horse battery staple'
const shared = {
  JWT_SECRET: randomBytes(32).toString('hex'),
  NORA_SEAL_KEY: formatSealKey(deriveSealing(randomBytes(32), 1).sealKey),
  NORA_CAPABILITY_PRIVATE_KEY: randomBytes(32).toString('base64url'),
  NORA_SETUP_TOKEN: randomBytes(32).toString('hex'),
  MAX_AGENTS: String(agents),
}

beforeAll(async () => {
  for (let n = 0; n < 2; n++) {
    const port = await freePort()
    const env = {
      ...shared,
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      DATABASE_URL: database.appUrl,
      REDIS_URL: redis.url,
      NORA_PORT: String(port),
      NORA_RATE_LIMITS: 'global=60000/60,mutations=60000/60,signup-burst=100/60',
    }
    children.push(
      spawn(process.execPath, [fileURLToPath(new URL('main.ts', import.meta.url))], { env, stdio: 'ignore' }),
    )
    urls.push(`http://127.0.0.1:${port}`)
  }
  for (const url of urls) await untilServing(url)
})
afterAll(async () => {
  for (const child of children) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
})

/** One account, signed in once, as a caller of each api. */
async function account(email: string): Promise<Client[]> {
  const [first, second] = urls.map((url) => client({ url, origin: url }))
  await first!.post('/api/auth/signup', { email, password, setupToken: shared.NORA_SETUP_TOKEN })
  const signedIn = await first!.login(email, password)
  return [signedIn, Object.assign(second!, { accessToken: signedIn.accessToken })]
}

/** Makes an agent, and asks again where an api that waits too long says 503: whatever came of it is what the second answer tells. */
async function create(through: Client, name: string) {
  const once = { 'idempotency-key': randomUUID() }
  for (;;) {
    const answer = await through.post('/api/agents', { name, runtime: 'starter' }, once)
    if (answer.status !== 503 && answer.body?.code !== 'idempotency-in-progress') return answer
  }
}

test('200 creations at once by two workspaces over two apis make exactly what both quotas hold', async () => {
  const people = [await account('ada@nora.test'), await account('bob@nora.test')]
  const calls = Array.from({ length: 200 }, (_, n) => {
    const through = people[n % 2]![Math.floor(n / 2) % 2]!
    return create(through, `agent ${n}`)
  })
  const answers = await Promise.all(calls)
  const count = (status: number) => answers.filter((answer) => answer.status === status).length
  expect([count(202), count(422)]).toEqual([2 * agents, 200 - 2 * agents])
  for (const answer of answers.filter(({ status }) => status === 422)) {
    expect(answer.body).toMatchObject({ code: 'quota-exceeded', quota: 'MAX_AGENTS', limit: agents })
  }
  const rows = await database.asSuperuser<{ agents: number; operations: number; events: number }>(
    `select count(*)::int as agents, sum((select count(*) from nora.operations o where o.agent_id = a.id))::int as operations,
       sum(a.event_seq)::int as events from nora.agents a group by workspace_id`,
  )
  // Created, and asked to be provisioned: two events each, one operation.
  expect(rows).toEqual([0, 1].map(() => ({ agents, operations: agents, events: 2 * agents })))
  // Both served: it was the database that counted.
  for (const [first, second] of people) {
    for (const api of [first!, second!]) {
      expect((await api.get('/api/agents?limit=200')).body.items).toHaveLength(agents)
    }
  }
})

test('a place that is given back over one api is taken once over both', async () => {
  const [first, second] = await account('carl@nora.test')
  for (let n = 0; n < agents; n++) await create(first!, `c${n}`)
  const [gone] = (await first!.get('/api/agents?limit=1')).body.items
  expect((await create(second!, 'x')).status).toBe(422)
  await database.asSuperuser('update nora.agents set deleted_at = now() where id = $1', [gone.id])
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => create(n % 2 ? first! : second!, `again ${n}`)),
  )
  expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array.from({ length: 19 }, () => 422)])
})
