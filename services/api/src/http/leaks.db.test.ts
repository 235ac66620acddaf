import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiProcess, startApiProcess } from '../testing/api-process.ts'
import { canaries } from '../testing/canaries.ts'
import { brokenRequests, sendBytes } from '../testing/canary-bytes.ts'
import { type Answer, type Client, client } from '../testing/client.ts'
import { sampleRequests } from '../testing/sample-requests.ts'
import { password, testApi } from '../testing/test-api.ts'

// The real process at its most talkative, with a secret in every field of every route: it is seen nowhere that it was not put.

const database = testDatabase()
const redis = testRedis()
const quiet = testApi(database, redis)
const plenty = ['global', 'mutations', 'login', 'signup-burst', 'signup-daily', 'password']
const { plant, within, planted } = canaries()

let api: ApiProcess
let monitor: Redis
const said: string[] = []
const answers: (Answer & { what: string })[] = []

beforeAll(async () => {
  api = await startApiProcess({
    REDIS_URL: redis.url,
    DATABASE_URL: database.appUrl,
    NORA_LOG_LEVEL: 'trace',
    NORA_RATE_LIMITS: plenty.map((name) => `${name}=100000/60`).join(','),
  })
  const connection = new Redis(redis.url)
  monitor = await connection.monitor()
  connection.disconnect()
  monitor.on('monitor', (_time: string, words: string[]) => said.push(words.join(' ')))
})
afterAll(() => {
  monitor?.disconnect()
  api?.kill()
})

const headerNames = [
  ...['authorization', 'cookie', 'x-csrf-token', 'proxy-authorization', 'x-api-key', 'x-nora-capability'],
  ...[
    'idempotency-key',
    'x-nora-workspace',
    'user-agent',
    'referer',
    'x-forwarded-for',
    'x-request-id',
    'accept',
  ],
]
// A header whose name promises no secret and that holds one all the same.
const credentialHeaders = new Set(['x-csrf-token', 'x-api-key'])

function headers(what: string, without: readonly string[] = []): Record<string, string> {
  const all = headerNames.filter((name) => !without.includes(name))
  return Object.fromEntries(
    all.map((name) => {
      const value = plant(`${what} header ${name}`, { header: true })
      if (credentialHeaders.has(name)) planted.at(-1)!.credential = true
      if (name === 'authorization') return [name, `Bearer ${value.replace('Bearer ', '')}`]
      return [
        name,
        name === 'cookie'
          ? `nora_at=${encodeURIComponent(value)}; nora_rt=${encodeURIComponent(value)}`
          : value,
      ]
    }),
  )
}

async function ask(
  who: Client,
  method: string,
  path: string,
  body: unknown,
  more: Record<string, string> = {},
) {
  const answer = await who.request(method, path, { body, headers: more })
  answers.push({ ...answer, what: `${method} ${path.split('?')[0]}` })
  return answer
}

/** What paths may name, by the word before the id. */
async function arrange(user: Client): Promise<Record<string, string>> {
  const create = async (path: string, body: unknown) => {
    const answer = await user.post(path, body)
    expect(answer.status, answer.text).toBeLessThan(300)
    return answer.body.id as string
  }
  const secret = { apiKey: plant('POST /api/llm-providers body.secret.apiKey') }
  return {
    workspaces: await create('/api/workspaces', { name: 'x' }),
    'llm-providers': await create('/api/llm-providers', { provider: 'openai', label: 'x', secret }),
    agents: await create('/api/agents', { name: 'x', runtime: 'image', image: 'busybox' }),
  }
}

test('a secret in any field of any route is in no log line, no refusal, and nowhere it does not belong', async () => {
  const anonymous = client({ url: api.url, origin: api.url })
  const credentials = { email: 'leaks@nora.test', password, setupToken: api.secrets['NORA_SETUP_TOKEN'] }
  expect((await anonymous.post('/api/auth/signup', credentials)).status).toBe(202)
  const signIn = () => anonymous.login(credentials.email, password)
  let user = await signIn()
  await user.post('/api/auth/step-up', { password })
  const own = [user.accessToken!, user.refreshToken!]
  // What signs people out comes last, so that the rest is asked by somebody.
  const routes = [...quiet.app.routeList].sort(
    (a, b) => Number(a.url.includes('/auth/')) - Number(b.url.includes('/auth/')),
  )
  const made = await arrange(user)
  // Where a text must be one of ours, it is; everywhere else it is a secret.
  const ours: Record<string, string> = {
    provider: 'openai',
    runtime: 'image',
    image: 'busybox',
    target: 'docker',
  }
  const text = (place: string) => ours[place.split('.').at(-1)!] ?? plant(place)
  const idOf = (url: string) => made[url.split('/')[2]!]
  for (const request of sampleRequests(routes, text, idOf)) {
    const { method, path, body } = request
    const what = `${method} ${path}`
    const answer = await ask(
      user,
      method,
      path,
      body,
      headers(what, ['authorization', 'cookie', 'x-nora-workspace', 'accept']),
    )
    await ask(anonymous, method, path, body, headers(what))
    const unknown = {
      ...(body as object),
      [plant(`${what} field`)]: { deep: [plant(`${what} deep.secret`)] },
    }
    if (method !== 'GET') await ask(user, method, path, unknown)
    if (answer.status === 401 && (await user.get('/api/auth/me')).status === 401) {
      user = await signIn()
      own.push(user.accessToken!, user.refreshToken!)
    }
  }
  for (const path of ['/api/agents', '/api/llm-providers', '/api/audit', '/api/workspaces']) {
    await ask(
      user,
      'GET',
      `${path}?limit=${encodeURIComponent(plant(`GET ${path} query.limit`))}&cursor=${plant(`GET ${path} query.token`, { header: true })}`,
      undefined,
    )
    await ask(user, 'GET', `${path}/${encodeURIComponent(plant(`GET ${path} path.token`))}`, undefined)
  }
  const secret = (place: string) => plant(`bytes ${place}.token`, { header: true })
  for (const bytes of brokenRequests(secret)) {
    const text = await sendBytes(api.port, bytes)
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 400)
    answers.push({ status, headers: new Headers(), text, body: undefined, cookies: [], what: 'bytes' })
  }

  // What the process had to say of all that has been said.
  expect(await api.end()).toBe(0)
  const output = api.output()
  expect(planted.length).toBeGreaterThan(1_000)
  expect(output.split('\n').length).toBeGreaterThan(200)
  expect(within(output), 'in the log').toEqual([])
  for (const value of [...Object.values(api.secrets), ...own, password]) expect(output).not.toContain(value)

  const textOf = ({ text, headers: sent }: Answer) => `${text}\n${[...sent].join('\n')}`
  const refusals = answers.filter(({ status }) => status >= 400)
  expect(refusals.length).toBeGreaterThan(100)
  expect(answers.length - refusals.length).toBeGreaterThan(20)
  expect(
    answers
      .filter(({ status }) => status >= 500 && status !== 503)
      .map(({ what, text }) => `${what}: ${text}`),
  ).toEqual([])
  expect(within(refusals.map(textOf).join('\n')), 'in a refusal').toEqual([])
  const credential = ({ credential: is }: { credential: boolean }) => is
  expect(planted.filter(credential).length).toBeGreaterThan(300)
  expect(within(answers.map(textOf).join('\n'), credential), 'in an answer').toEqual([])
  expect(within(await everyRow(), credential), 'in a table').toEqual([])
  // The looks themselves find what may be there: names and labels.
  expect(within(answers.map(textOf).join('\n')).length).toBeGreaterThan(0)
  expect(within(await everyRow()).length).toBeGreaterThan(0)
  expect(said.length).toBeGreaterThan(100)
  expect(within(said.join('\n'), credential), 'in what Redis was told').toEqual([])
  process.stdout.write(
    `leaks: ${planted.length} secrets in ${answers.length} requests to ${routes.length} routes, ${output.split('\n').length} log lines\n`,
  )
})

/** Everything that any table holds, bytes in hex. */
async function everyRow(): Promise<string> {
  const tables = await database.asSuperuser<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'nora'`,
  )
  const texts: string[] = []
  for (const { name } of tables) {
    const rows = await database.asSuperuser<{ row: string }>(`select t::text as row from ${name} t`)
    texts.push(...rows.map(({ row }) => row))
  }
  expect(texts.length).toBeGreaterThan(30)
  return texts.join('\n')
}
