import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, describe, expect, test } from 'vitest'
import type { ApiSettings } from '../deps.ts'
import { type RawConnection, rawConnection, statusesIn } from '../testing/raw.ts'
import { startApi, type TestApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const apis: TestApi[] = []
const connections: RawConnection[] = []
afterEach(async () => {
  for (const { socket } of connections.splice(0)) socket.destroy()
  for (const api of apis.splice(0)) await api.close()
})

async function start(limits: { all: number; perAddress: number }, config: Partial<ApiSettings> = {}) {
  const api = await startApi(database, redis, { config: { connections: limits, ...config } })
  apis.push(api)
  const open = async (from?: string) => {
    const connection = await rawConnection(api.url, from)
    connections.push(connection)
    return connection
  }
  /** Whether a request on the connection is answered; one beyond the limit is closed without a word. */
  const serves = async (connection: RawConnection) => {
    connection.socket.write('GET /api/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    return statusesIn(await connection.closed()).join() === '200'
  }
  const counted = (count: number) =>
    waitUntil(`${count} connections`, () => openConnections(api).then((now) => now === count))
  return { api, open, serves, counted }
}

const openConnections = (api: TestApi) =>
  new Promise<number>((resolve, reject) => {
    api.app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })

describe('connections', () => {
  test('of one address are limited, of another not, and a place that is given back is given again', async () => {
    const { api, open, serves, counted } = await start({ all: 100, perAddress: 3 })
    const began = performance.now()
    const [first] = [await open(), await open(), await open()]
    await counted(3)
    expect(await serves(await open())).toBe(false)
    expect(await serves(await open('127.0.0.2'))).toBe(true)
    first!.socket.destroy()
    await counted(2)
    expect(await serves(await open())).toBe(true)
    await counted(2)
    const again = await open()
    await counted(3)
    expect(await serves(await open())).toBe(false)
    expect(await serves(again)).toBe(true)
    const said = api.logged.filter((line) => line.includes('connections are refused'))
    expect(said.length).toBeGreaterThan(0)
    // At once, and then each ten seconds at the most, for as long as this machine took for three refusals.
    expect(said.length).toBeLessThanOrEqual(1 + Math.floor((performance.now() - began) / 10_000))
  })

  test('in all are limited, whoever makes them', async () => {
    const { open, serves, counted } = await start({ all: 4, perAddress: 100 })
    for (const from of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']) await open(from)
    await counted(4)
    expect(await serves(await open('127.0.0.5'))).toBe(false)
    connections[0]!.socket.destroy()
    await counted(3)
    expect(await serves(await open('127.0.0.5'))).toBe(true)
  })

  test('of a trusted proxy count in all only', async () => {
    const { open, serves, counted } = await start({ all: 5, perAddress: 2 }, { trustProxy: ['127.0.0.1'] })
    for (let n = 0; n < 5; n++) await open()
    await counted(5)
    expect(await serves(await open())).toBe(false)
    expect(await serves(connections[4]!)).toBe(true)
  })
})
