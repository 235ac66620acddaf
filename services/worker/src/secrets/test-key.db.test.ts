import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import { createLogger } from '@nora/log/logger'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TestKeyDeps, testKey } from './test-key.ts'
import { keyring, leased, storeKey } from './testing/arrange.ts'

const database = testDatabase()
let alice: Person
let provider: Server
let port: number
let asked: IncomingMessage[]
let answer: (response: ServerResponse) => void
let deps: TestKeyDeps

beforeAll(async () => {
  alice = await person(database, 'alice')
})
beforeEach(async () => {
  asked = []
  answer = (response) => response.end('{"data":[]}')
  provider = createServer((request, response) => {
    asked.push(request)
    answer(response)
  })
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve))
  port = (provider.address() as AddressInfo).port
  deps = {
    db: database.worker,
    log: createLogger({ service: 'test', level: 'silent' }),
    keyring,
    allowHosts: [parseAllowedHost(`127.0.0.1:${port}`)!],
  }
})
afterEach(() => {
  provider.closeAllConnections()
  return new Promise((resolve) => provider.close(resolve))
})

const store = (secret: Record<string, string>, hosts = [`127.0.0.1:${port}`]) =>
  storeKey(database, alice, secret, {
    provider: 'openai-compatible',
    baseUrl: `http://127.0.0.1:${port}/v1/`,
    hosts,
  })
const run = async (id: string) =>
  testKey(deps, await leased(database, alice, { credential: id }), AbortSignal.timeout(60_000))

test('a key that the provider takes works', async () => {
  const id = await store({ apiKey: 'sk-good' })
  expect(await run(id)).toEqual({ outcome: 'works', reason: `127.0.0.1:${port} accepted the key` })
  expect(asked.map((request) => [request.method, request.url, request.headers.authorization])).toEqual([
    ['GET', '/v1/models', 'Bearer sk-good'],
  ])
  const rows = await database.asSuperuser(
    'select event_type, details from nora.audit_log where target_id = $1',
    [id],
  )
  expect(rows).toMatchObject([{ event_type: 'PROVIDER_KEY_TESTED', details: { outcome: 'works' } }])
})

test.each([
  [401, 'refused the key'],
  [403, 'refused the key'],
  [302, 'redirect, which is not followed'],
  [500, 'whether the key works is not known'],
])('HTTP %i: %s', async (status, words) => {
  answer = (response) => response.writeHead(status, { location: `http://127.0.0.1:${port}/stolen` }).end()
  expect(await run(await store({ apiKey: 'sk-good' }))).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining(words),
  })
  expect(asked.length).toBe(1)
})

test('an answer without end is cut off', async () => {
  answer = (response) => {
    const chunk = Buffer.alloc(64 * 1024)
    const more = (): void => {
      while (response.write(chunk)) if (response.destroyed) return
      response.once('drain', more)
    }
    more()
  }
  expect((await run(await store({ apiKey: 'sk-good' }))).outcome).toBe('works')
})

test('a connection that breaks, and a destination inside, are said', async () => {
  answer = (response) => response.destroy()
  expect((await run(await store({ apiKey: 'sk-good' }))).reason).toContain('broke before it answered')
  deps.allowHosts = []
  expect((await run(await store({ apiKey: 'sk-good' }))).reason).toContain('is an address of this server')
  expect(asked.length).toBe(1)
})

test('a provider that switches to another protocol holds nobody up', async () => {
  answer = (response) =>
    response.socket!.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')
  expect(await run(await store({ apiKey: 'sk-good' }))).toMatchObject({
    outcome: 'refused',
    reason: expect.stringContaining('broke before it answered'),
  })
})

test('a key travels to the hosts that were sealed with it, whatever the base URL says now', async () => {
  const id = await store({ apiKey: 'sk-good' }, ['api.elsewhere.example'])
  expect((await run(id)).reason).toContain('was stored for other hosts')
  expect(asked).toEqual([])
})

test('a key that does not open is refused and reported', async () => {
  const id = await store({ apiKey: 'sk-good' })
  await database.asSuperuser(`update nora.credentials set provider = 'openai' where id = $1`, [id])
  expect((await run(id)).reason).toContain('was changed')
  const rows = await database.asSuperuser('select event_type from nora.audit_log where target_id = $1', [id])
  expect(rows.map((row) => row['event_type'])).toEqual(['SECRET_OPEN_FAILED', 'PROVIDER_KEY_TESTED'])
  expect(asked).toEqual([])
})

test('what cannot be tested says so', async () => {
  const id = await storeKey(database, alice, { TOKEN: 'x' }, { provider: 'custom', hosts: [] })
  expect((await run(id)).reason).toContain('no call that would tell')
  expect((await run(await store({ apiKey: 'line\r\nX-Evil: 1' }))).reason).toContain('no API key can have')
})
