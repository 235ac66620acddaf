import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { afterEach, expect, test } from 'vitest'
import { makeKey, program } from '../testing/program.ts'
import { stepUp } from '../testing/team.ts'
import { startApi, type TestApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
const opened: TestApi[] = []

afterEach(async () => {
  for (const api of opened.splice(0)) await api.close()
})

async function open(trustProxy: string[]) {
  const api = await startApi(database, redis, { config: { trustProxy } })
  opened.push(api)
  const owner = await stepUp(await api.signUp())
  const workspaceId = (await owner.get('/api/auth/me')).body.personalWorkspaceId
  return async (allowedCidrs: string[]) => {
    const { key } = await makeKey(owner, workspaceId, { allowedCidrs })
    return async (forwarded?: string) => {
      const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }
      const { status, body } = await program(api, key).get('/api/agent-hub/me', headers)
      return status === 200 ? 'let in' : body.code
    }
  }
}

test('a key with addresses works from there alone, IPv4 and IPv6', async () => {
  const make = await open(['127.0.0.1/32'])
  const from = await make(['203.0.113.0/24', '2001:db8:7::/48'])
  for (const ip of ['203.0.113.1', '203.0.113.255', '2001:db8:7::1', '2001:db8:7:ffff::9']) {
    expect(await from(ip), ip).toBe('let in')
  }
  for (const ip of ['203.0.114.1', '2001:db8:8::1', '::1', '127.0.0.1']) {
    expect(await from(ip), ip).toBe('ip-not-allowed')
  }
  expect(await from('not an address')).toBe('ip-not-allowed')
  expect(await from('198.51.100.1, 203.0.113.1'), 'what stands left of a proxy’s word is a stranger’s').toBe(
    'let in',
  )
  expect(await from('203.0.113.1, 198.51.100.1')).toBe('ip-not-allowed')
})

test('an IPv4 caller is one to a list of IPv4, also where it arrives as IPv6', async () => {
  const make = await open(['127.0.0.1/32'])
  const from = await make(['203.0.113.7'])
  expect(await from('::ffff:203.0.113.7')).toBe('let in')
  expect(await from('203.0.113.8')).toBe('ip-not-allowed')
})

test('nobody believes X-Forwarded-For of a stranger', async () => {
  const make = await open([])
  const from = await make(['203.0.113.0/24'])
  expect(await from('203.0.113.1')).toBe('ip-not-allowed')
  const local = await make(['127.0.0.0/8'])
  expect(await local()).toBe('let in')
  expect(await local('198.51.100.1')).toBe('let in')
})

test('a key without addresses works from anywhere', async () => {
  const make = await open(['127.0.0.1/32'])
  const from = await make([])
  for (const ip of ['203.0.113.1', '2001:db8::1']) expect(await from(ip)).toBe('let in')
})
