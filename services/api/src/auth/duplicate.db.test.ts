import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import type { KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { password, setupToken, startApi, type TestApi } from '../testing/test-api.ts'

const database = testDatabase()
const redis = testRedis()
let statements = 0
const counting: KyselyPlugin = {
  transformQuery: ({ node }) => {
    statements++
    return node
  },
  transformResult: async ({ result }) => result,
}
let api: TestApi
beforeAll(async () => {
  api = await startApi(database, redis, { deps: { db: database.app.withPlugin(counting) } })
  await api.signUp({ email: 'taken@nora.test' })
})
afterAll(() => api.close())

const signUp = (email: string, more: object = {}) =>
  api.anonymous.post('/api/auth/signup', { email, password, setupToken, ...more })
let people = 0
const fresh = () => `fresh-${people++}@nora.test`

type Work = { statements: number; cpuMs: number }

/** What a call took of us: statements, and milliseconds of this process's own work, which no neighbour's load adds to. */
async function workOf(call: () => Promise<unknown>): Promise<Work> {
  const before = { statements, cpu: process.cpuUsage() }
  await call()
  const { user, system } = process.cpuUsage(before.cpu)
  return { statements: statements - before.statements, cpuMs: (user + system) / 1000 }
}

describe('an address that has an account', () => {
  test('gets the answer of one that has none, to the letter', async () => {
    const [taken, free] = [await signUp('TAKEN@nora.test'), await signUp(fresh())]
    expect([taken.status, taken.text]).toEqual([free.status, free.text])
    const headersOf = ({ headers }: typeof taken) =>
      [...headers].map(([name, value]) =>
        /^(date|x-correlation-id|ratelimit-.*)$/.test(name) ? [name] : [name, value],
      )
    expect(headersOf(taken)).toEqual(headersOf(free))
  })

  test('creates nothing, and changes neither password nor name', async () => {
    const counts = async () => {
      const [row] = await database.asSuperuser<Record<string, number>>(
        `select (select count(*)::int from nora.users) as users, (select count(*)::int from nora.workspaces) as workspaces,
          (select count(*)::int from nora.memberships) as memberships, (select count(*)::int from nora.sessions) as sessions`,
      )
      return row!
    }
    const rowOf = () =>
      database.asSuperuser(`select u::text as u from nora.users u where email = 'taken@nora.test'`)
    const before = [await counts(), await rowOf()]
    const again = { password: 'another password entirely', name: 'Mallory' }
    expect((await signUp('Taken@NORA.test', again)).status).toBe(202)
    expect([await counts(), await rowOf()]).toEqual(before)
    await expect(api.login('taken@nora.test', again.password)).rejects.toThrow('401')
    // The comparison sees a sign-up that does create something.
    await signUp(fresh())
    expect(await counts()).not.toEqual(before[0])
  })

  test('tells its owner, in their own audit, and nobody else', async () => {
    const owner = await api.login('taken@nora.test', password)
    await signUp('taken@nora.test')
    const { body } = await owner.get('/api/audit?type=SIGN_UP_REPEATED')
    expect(body.items[0]).toMatchObject({ userId: 'anonymous', target: { kind: 'user', id: owner.user!.id } })
    const other = await api.signUp()
    expect((await other.get('/api/audit?type=SIGN_UP_REPEATED')).body.items).toEqual([])
  })

  test('costs the same work', async () => {
    const accepted = async (email: string) => expect((await signUp(email)).status).toBe(202)
    const taken: Work[] = []
    const free: Work[] = []
    for (let n = 0; n < 12; n++) {
      // Turn and turn about, so that what warms up or slows down does so for both.
      taken.push(await workOf(() => accepted('taken@nora.test')))
      free.push(await workOf(() => accepted(fresh())))
    }
    expectAlike(taken, free)
  })

  test('costs Postgres the same: neither way is a short cut', async () => {
    const elapsed = async (email: string) => {
      const begun = performance.now()
      await database.asSuperuser(
        `select nora.sign_up($1, '', '$argon2id$', sha256('x'), true, true, null, 'test')`,
        [email],
      )
      return performance.now() - begun
    }
    const taken: number[] = []
    const free: number[] = []
    for (let n = 0; n < 60; n++) {
      taken.push(await elapsed('taken@nora.test'))
      free.push(await elapsed(fresh()))
    }
    // The quickest of each: neighbours can only add. Beside it stands a hash of some 50 ms that differs by more from time to time.
    const [a, b] = [Math.min(...taken), Math.min(...free)]
    expect(a).toBeGreaterThan(b * 0.4)
    expect(a).toBeLessThan(b * 2.5)
  })
})

describe('signing in', () => {
  test('costs the same work with a wrong password, at an address without an account, and at a disabled one', async () => {
    await signUp('disabled@nora.test')
    await database.asSuperuser(`update nora.users set disabled_at = now() where email = 'disabled@nora.test'`)
    const refused = async (email: string) => {
      const answer = await api.anonymous.post('/api/auth/login', { email, password: 'not the password' })
      expect(answer.status).toBe(401)
    }
    const known: Work[] = []
    const unknown: Work[] = []
    const disabled: Work[] = []
    for (let n = 0; n < 10; n++) {
      known.push(await workOf(() => refused('taken@nora.test')))
      unknown.push(await workOf(() => refused(`nobody-${n}@nora.test`)))
      disabled.push(await workOf(() => refused('disabled@nora.test')))
    }
    expectAlike(unknown, known)
    expectAlike(disabled, known)
  })
})

function expectAlike(some: Work[], others: Work[]): void {
  expect(some.map((one) => one.statements)).toEqual(others.map((one) => one.statements))
  // The least of each: a machine that stands still or is shared can only add to what is counted.
  const [a, b] = [some, others].map((all) => Math.min(...all.map(({ cpuMs }) => cpuMs))) as [number, number]
  // The hash is nearly all of it: without it one of the two would cost a tenth.
  expect(a).toBeGreaterThan(b * 0.6)
  expect(a).toBeLessThan(b * 1.7)
  expect(Math.min(a, b)).toBeGreaterThan(20)
}
