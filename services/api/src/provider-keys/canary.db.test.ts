import { randomBytes } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import type { Answer } from '../testing/client.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const api = testApi(database, redis)

/** A secret that could only come from where it was put, and the forms in which it would still be one. */
const canary = () => `canary${randomBytes(12).toString('hex')}`
const formsOf = (secret: string) =>
  [
    secret,
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret).toString('base64').replace(/=+$/, ''),
  ].flatMap((form) => [form, form.toUpperCase()])

test('a stored secret is in no column, no Redis key, no log line and no answer', async () => {
  const secrets = Array.from({ length: 6 }, canary) as [string, string, string, string, string, string]
  const user = await api.signUp({ transport: 'cookie' })
  const answers: Answer[] = []
  const call = async (method: string, path: string, body?: unknown, headers = {}) => {
    const answer = await user.request(method, path, { body, headers })
    answers.push(answer)
    return answer
  }
  const idempotent = { 'idempotency-key': 'canary' }
  const create = { provider: 'openai', label: 'k', secret: { apiKey: secrets[0] } }
  const made = await call('POST', '/api/llm-providers', create, idempotent)
  expect(made.status).toBe(201)
  await call('POST', '/api/llm-providers', create, idempotent)
  await call('PUT', `/api/llm-providers/${made.body.id}`, { secret: { apiKey: secrets[1] } })
  await call('POST', '/api/llm-providers', { provider: 'custom', label: 'c', secret: { TOKEN: secrets[2] } })
  // What goes wrong must be as silent as what goes well.
  await call('POST', '/api/llm-providers', {
    provider: 'openai',
    label: 'x',
    secret: { [secrets[3]]: secrets[3] },
  })
  await call('POST', '/api/llm-providers', {
    provider: secrets[3],
    label: 'x',
    secret: { apiKey: secrets[3] },
  })
  await call('POST', '/api/llm-providers', { provider: 'openai', label: 'x', apiKey: secrets[3], secret: {} })
  await call('POST', '/api/llm-providers', {
    provider: 'openai',
    label: 'x',
    baseUrl: `https://user:${secrets[3]}@api.example.com/`,
    secret: { apiKey: secrets[3] },
  })
  await call('PUT', `/api/llm-providers/${made.body.id}`, { secret: secrets[3] })
  await call('POST', '/api/agents', { name: 'a', runtime: 'starter', env: { API_TOKEN: secrets[3] } })
  await call('POST', '/api/agents', { name: 'a', runtime: 'starter', providerKeyIds: [made.body.id] })
  await call('GET', '/api/llm-providers')
  await call('GET', `/api/llm-providers/${made.body.id}`)
  await call('POST', `/api/llm-providers/${made.body.id}/test`)
  await call('GET', '/api/agents')
  await otherKinds(call, secrets[4], secrets[5], secrets[3])
  expect(answers.map((answer) => answer.status).filter((status) => status >= 500)).toEqual([])

  const places: [string, string][] = [
    ...(await everyCell()),
    ...(await everyRedisValue()),
    ['the log', api.logged.join('\n')],
    ['the answers', answers.map((answer) => `${answer.text}${[...answer.headers]}`).join('\n')],
  ]
  expect(places.length).toBeGreaterThan(100)
  const found = places.flatMap(([place, text]) =>
    secrets.flatMap((secret) =>
      formsOf(secret)
        .filter((form) => text.includes(form))
        .map(() => place),
    ),
  )
  expect(found).toEqual([])
  // The search itself finds what is there.
  expect(places.some(([, text]) => text.includes(made.body.id))).toBe(true)
})

type Call = (method: string, path: string, body?: unknown) => Promise<Answer>

/** What goes well and what goes wrong with credentials of the other kinds. */
async function otherKinds(call: Call, first: string, second: string, wrong: string): Promise<void> {
  const integration = await call('POST', '/api/integrations', {
    provider: 'postgres',
    label: 'i',
    secret: { url: `postgres://user:${first}@db.example.com/app` },
  })
  expect(integration.status).toBe(201)
  await call('PUT', `/api/integrations/${integration.body.id}`, {
    secret: { url: `postgres://user:${second}@db.example.com/app` },
  })
  for (const url of [`postgres://user:${wrong}@localhost/app`, `http://${wrong}.example.com`, wrong]) {
    const body = { provider: 'postgres', label: 'i', secret: { url } }
    expect((await call('POST', '/api/integrations', body)).status).toBeGreaterThanOrEqual(400)
  }
  const exchange = await call('POST', '/api/exchange-credentials', {
    exchange: 'okx',
    label: 'e',
    secret: { apiKey: first, apiSecret: second, passphrase: first },
  })
  expect(exchange.status).toBe(201)
  await call('PATCH', `/api/exchange-credentials/${exchange.body.id}`, { permission: wrong })
  await call('PATCH', `/api/exchange-credentials/${exchange.body.id}`, { permission: 'trading_enabled' })
  await call('POST', `/api/exchange-credentials/${exchange.body.id}/test`)
  await call('POST', '/api/exchange-credentials', {
    exchange: 'hyperliquid',
    label: 'e',
    walletAddress: wrong,
    secret: { privateKey: wrong },
  })
  await call('GET', '/api/integrations')
  await call('GET', '/api/exchange-credentials')
}

/** Every row of every table, as text (bytea in hex). */
async function everyCell(): Promise<[string, string][]> {
  const tables = await database.asSuperuser<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const cells: [string, string][] = []
  for (const { name } of tables) {
    const rows = await database.asSuperuser<{ row: string }>(`select t::text as row from ${name} t`)
    cells.push(...rows.map(({ row }): [string, string] => [name, row]))
    const columns = await database.asSuperuser<Record<string, unknown>>(`select * from ${name}`)
    for (const column of columns) {
      for (const [field, value] of Object.entries(column)) {
        const text = Buffer.isBuffer(value) ? value.toString('latin1') : JSON.stringify(value)
        cells.push([`${name}.${field}`, text ?? ''])
      }
    }
  }
  return cells
}

async function everyRedisValue(): Promise<[string, string][]> {
  const connection = new Redis(redis.url)
  try {
    const keys = await connection.keys('*')
    const dumps = await Promise.all(keys.map((name) => connection.dumpBuffer(name)))
    return keys.map((name, index) => [`redis ${name}`, `${name} ${dumps[index]?.toString('latin1')}`])
  } finally {
    connection.disconnect()
  }
}
