import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { rawConnection, statusesIn } from '../testing/raw.ts'
import { testApi } from '../testing/test-api.ts'

const api = testApi(testDatabase(), testRedis())
const host = 'Host: localhost'
const get = (path: string) => `GET ${path} HTTP/1.1\r\n${host}\r\nConnection: close\r\n\r\n`

describe('Expect: 100-continue', () => {
  const body = JSON.stringify({ email: 'a@nora.test', password: 'not the right one' })
  const announce = (path: string) =>
    `POST ${path} HTTP/1.1\r\n${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\n\r\n`

  test('is told to go on when its body is wanted, and the connection goes on, too', async () => {
    const connection = await rawConnection(api.url)
    connection.socket.write(announce('/api/auth/login'))
    expect(statusesIn(await connection.hears(/100 Continue/))).toEqual([100])
    connection.socket.write(body)
    expect(statusesIn(await connection.hears(/"code":"invalid-credentials"/))).toEqual([100, 401])
    connection.socket.write(get('/api/healthz'))
    expect(statusesIn(await connection.closed())).toEqual([100, 401, 200])
  })

  test('is refused without being told to go on, and what follows is no second request', async () => {
    const connection = await rawConnection(api.url)
    connection.socket.write(announce('/api/agents'))
    const answer = await connection.closed()
    expect(statusesIn(answer)).toEqual([401])
    expect(answer).toMatch(/connection: close/i)
  })
})

test('requests that were sent at once are answered in their order', async () => {
  const connection = await rawConnection(api.url)
  const keep = (path: string) => `GET ${path} HTTP/1.1\r\n${host}\r\n\r\n`
  connection.socket.write(keep('/api/healthz') + keep('/api/auth/me') + get('/api/nothing'))
  expect(statusesIn(await connection.closed())).toEqual([200, 401, 404])
})
