import { createHmac } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { ownMs } from '@nora/testing/own-time'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { machineOf } from './beside.ts'
import { type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

// An exchange credential from the first call to the file in a running container, against an exchange that checks signatures.

const it = stack()
const apiKey = 'canary-exchange-key-0123456789'
const apiSecret = 'canary-exchange-secret-0123456789'
let alice: Client
let exchange: Server
let id: string
let agentId: string

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  exchange = createServer((request, response) => {
    const [text = '', signature] = (request.url ?? '').split('?')[1]?.split('&signature=') ?? []
    const right = signature === createHmac('sha256', apiSecret).update(text).digest('hex')
    response.writeHead(right && request.headers['x-mbx-apikey'] === apiKey ? 200 : 401).end('{}')
  })
})
afterAll(() => new Promise((resolve) => (exchange?.listening ? exchange.close(resolve) : resolve(undefined))))

const tried = async () => {
  const asked = await alice.post(`exchange-credentials/${id}/test`)
  expect(asked.status, JSON.stringify(asked.body)).toBe(202)
  const path = `exchange-credentials/${id}/operations/${asked.body['id']}`
  const outcome = async () => {
    const { body } = await alice.get<{ status: string; result: { outcome: string } }>(path)
    return body.status === 'succeeded' && body.result.outcome
  }
  return waitUntil('the test to end', outcome, { deadlineMs: 60_000 })
}

/** The credential as the agent's program finds it. */
async function inContainer(): Promise<Record<string, unknown>> {
  const filters = { label: [`com.nora.agent=${agentId}`, 'com.nora.role=agent'] }
  const [container] = await it.docker.listContainers({ filters })
  const script = `process.stdout.write(require('fs').readFileSync('/run/nora/keys.json'))`
  const exec = await it.docker
    .getContainer(container!.Id)
    .exec({ Cmd: ['/bin/node', '-e', script], AttachStdout: true, Tty: true, User: '10001:10001' })
  const stream = await exec.start({ Tty: true })
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString()).keys[0]
}

test('it is stored, tried at the exchange, and refused with another secret', async () => {
  const body = {
    exchange: 'binance',
    label: 'desk',
    baseUrl: `http://${it.provider.host}:${it.provider.port}`,
    secret: { apiKey, apiSecret },
  }
  const made = await alice.post('exchange-credentials', body)
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  id = String(made.body['id'])
  agentId = await alice.deploy({ name: 'trader', runtime: 'starter', providerKeyIds: [id] })
  await alice.until(agentId, 'running', 120_000)
  // Its address is there since the agent's network is.
  await new Promise<void>((resolve) => exchange.listen(it.provider.port, it.provider.host, resolve))
  expect(await tried()).toBe('works')
  await alice.put(`exchange-credentials/${id}`, { secret: { apiKey, apiSecret: 'another' } })
  expect(await tried()).toBe('refused')
  await alice.put(`exchange-credentials/${id}`, { secret: { apiKey, apiSecret } })
})

test('a running agent is told that it may trade with a sync, and within five seconds that it may not', async () => {
  expect(await inContainer()).toMatchObject({
    id,
    kind: 'exchange',
    permission: 'read_only',
    apiKey,
    apiSecret,
  })
  expect((await alice.patch(`exchange-credentials/${id}`, { permission: 'trading_enabled' })).status).toBe(
    403,
  )
  await alice.post('auth/step-up', { password: 'correct horse alice battery' })
  const enabled = await alice.patch(`exchange-credentials/${id}`, { permission: 'trading_enabled' })
  expect(enabled.body, JSON.stringify(enabled.body)).toMatchObject({ permission: 'trading_enabled' })
  expect(await inContainer()).toMatchObject({ permission: 'read_only' })
  const began = performance.now()
  expect((await alice.post(`agents/${agentId}/sync-keys`)).status).toBe(202)
  await alice.until(agentId, 'running')
  expect(await inContainer()).toMatchObject({ permission: 'trading_enabled' })
  const syncMs = performance.now() - began

  // The sync was the same way for the same file: what this machine takes for it and for looking is no waiting.
  const taken = async () => {
    await alice.patch(`exchange-credentials/${id}`, { permission: 'read_only' })
    const gone = async () => (await inContainer())['permission'] === 'read_only'
    await waitUntil('the permission to be gone', gone, { deadlineMs: 90_000 })
  }
  expect(await ownMs(taken, machineOf(it)), `a sync took ${syncMs} ms`).toBeLessThan(5_000 + syncMs)
})

test('its secret is in no log, no table and nothing that the engine shows', async () => {
  const inspected = await Promise.all(
    (await it.docker.listContainers({ filters: { label: [`com.nora.agent=${agentId}`] } })).map(({ Id }) =>
      it.docker.getContainer(Id).inspect(),
    ),
  )
  const tables = [
    'operations',
    'events',
    'audit_log',
    'agents',
    'idempotency_keys',
    'credentials',
    'given_secrets',
  ]
  const rows = await Promise.all(
    tables.map((table) => it.database.asSuperuser(`select t::text from nora.${table} t`)),
  )
  const everything = [
    JSON.stringify(inspected),
    JSON.stringify(rows),
    await it.logOf('api'),
    await it.logOf('worker'),
  ]
  const spellings = [apiSecret, apiKey].flatMap((secret) => [secret, Buffer.from(secret).toString('hex')])
  for (const text of everything) for (const secret of spellings) expect(text).not.toContain(secret)
})
