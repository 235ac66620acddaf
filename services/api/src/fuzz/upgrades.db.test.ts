import { fc, fuzzRuns, fuzzSeed, hostileText } from '@nora/testing/fuzz'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Caller, type World, worlds } from '../authorization/testing/world.ts'
import { rawConnection, statusesIn } from '../testing/raw.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const runs = Math.ceil(fuzzRuns / 4)
let world: World
let viewer: Caller
let agentId: string
let upgrades = 0

beforeAll(async () => {
  world = await (await worlds(api, database)).make()
  viewer = await world.as('viewer')
  agentId = await world.id('agent', world.maker)
})
afterAll(() => void process.stdout.write(`fuzz: ${upgrades} upgrades, seed ${fuzzSeed}\n`))

/** One line of a header, as whoever writes to the socket may send it. */
const line = (text: string) => text.replace(/[^\x20-\x7e\x80-\xff]/g, '?').slice(0, 3_000)
/** A close frame with that code, but for its first byte, which is no text. */
const closed4401 = String.fromCharCode(2, 4401 >> 8, 4401 & 0xff)
const head = '\r\n\r\n'

/** Sends an upgrade; what the server wrote when it had closed, or answered and (where `more`) written after that. */
async function upgrade(path: string, headers: Record<string, string>, more: boolean): Promise<string> {
  upgrades++
  const connection = await rawConnection(api.url)
  const lines = Object.entries({
    Host: new URL(api.url).host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`)
  connection.socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  await waitUntil('the server to answer or close', () => {
    const at = connection.said().indexOf(head)
    return connection.socket.closed || (at > 0 && (!more || connection.said().length > at + head.length))
  })
  connection.socket.destroy()
  return connection.said()
}

const ticket = fc.stringMatching(/^[A-Za-z0-9_-]{43}$/)
const offers = hostileText(
  ticket.map((one) => `nora.v1, ticket.${one}`),
  fc.constantFrom('nora.v1', 'nora.v1, nora.v1', 'ticket.', 'nora.v1, ticket.x, ticket.y', ',,,', 'nora.v1,'),
)
const paths = hostileText(fc.uuid(), fc.constantFrom('', '..', '%2e%2e', '%00', `x/y`, '?')).map((text) =>
  encodeURI(text.toWellFormed()).slice(0, 300),
)
const credentials = fc.constantFrom('none', 'own', 'garbage', 'both', 'origin')
const sample = <T>(arbitrary: fc.Arbitrary<T>) => fc.sample(arbitrary, { numRuns: runs, seed: fuzzSeed })

test('an upgrade is answered with a refusal, a closed socket or a stream, whatever it offers', async () => {
  const asked = fc.tuple(offers, fc.option(paths), credentials, fc.constantFrom('logs', 'exec'))
  for (const [offer, path, how, kind] of sample(asked)) {
    const bearer = { Authorization: `Bearer ${how === 'garbage' ? line(offer) : viewer.client.accessToken}` }
    const origin = { Origin: how === 'origin' ? 'https://evil.test' : api.origin }
    const headers = {
      'Sec-WebSocket-Protocol': line(offer),
      ...(how === 'own' || how === 'garbage' ? bearer : how === 'both' ? { ...bearer, ...origin } : origin),
    }
    const said = await upgrade(`/api/ws/${kind}/${path ?? agentId}`, headers, true)
    const [status = 0] = statusesIn(said)
    expect([0, 101, 400, 403, 404, 414], `${JSON.stringify({ path, headers })} ${said}`).toContain(status)
    // Such a ticket was never issued: the stream that is opened says so and no more.
    if (status === 101) expect(said.split('\r\n\r\n')[1]!.slice(1)).toBe(closed4401)
  }
})

test('a good ticket opens a stream, whatever its query says', async () => {
  const query = fc.tuple(
    fc.constantFrom('after', 'generation', 'x', '__proto__'),
    hostileText(fc.nat().map(String)),
  )
  for (const pairs of sample(fc.array(query, { maxLength: 3 }))) {
    const made = await viewer.client.post('/api/ws-tickets', { kind: 'logs', agentId }, viewer.headers)
    expect(made.status, made.text).toBe(201)
    const text = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join('&')
    const opens = {
      Authorization: `Bearer ${viewer.client.accessToken}`,
      'Sec-WebSocket-Protocol': `nora.v1, ticket.${made.body.ticket}`,
    }
    const said = await upgrade(`/api/ws/logs/${agentId}?${text.slice(0, 2_000)}`, opens, false)
    expect([101, 400, 414], said).toContain(statusesIn(said)[0])
  }
})

test('nothing of it was a fault, and the api goes on', async () => {
  expect((await api.anonymous.get('/api/healthz')).status).toBe(200)
  expect(api.logged.filter((one) => JSON.parse(one).level === 'error')).toEqual([])
})
