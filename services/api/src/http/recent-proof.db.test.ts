import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { type FastifyInstance, fastify } from 'fastify'
import { Type } from 'typebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { stepUp } from '../testing/team.ts'
import { password, testApi } from '../testing/test-api.ts'
import { installEdge, serverOptions } from './edge.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
let app: FastifyInstance

beforeAll(async () => {
  app = fastify(serverOptions(api.deps)) as unknown as FastifyInstance
  await installEdge(app, api.deps)
  const schema = { response: { 200: Type.Object({}) } }
  app.put('/x', { config: { access: 'key:write', recentProof: true }, schema, handler: async () => ({}) })
})
afterAll(() => app.close())

const call = async (who: Client, headers: Record<string, string> = {}) => {
  const authorization = `Bearer ${who.accessToken}`
  const answer = await app.inject({ method: 'PUT', url: '/x', headers: { authorization, ...headers } })
  return answer.statusCode === 200 ? 'done' : (answer.json().code as string)
}
/** As if everybody had signed in that long ago. */
const age = (minutes: number) =>
  database.asSuperuser('update nora.sessions set proven_at = proven_at - make_interval(mins => $1)', [
    minutes,
  ])

test('a route that asks for a recent proof takes a sign-in or a step-up of ten minutes, in that very session', async () => {
  const who = await api.signUp()
  expect(await call(who)).toBe('done')
  await age(9)
  expect(await call(who)).toBe('done')
  await age(2)
  expect(await call(who)).toBe('step-up-required')
  const other = await api.login(who.user!.email, password)
  expect([await call(other), await call(who)]).toEqual(['done', 'step-up-required'])
  const { body } = await api.anonymous.post('/api/auth/refresh', { refreshToken: who.refreshToken })
  who.accessToken = body.accessToken
  expect(await call(who)).toBe('step-up-required')
  await stepUp(who)
  expect(await call(who)).toBe('done')
})

test('whose role does not allow it is told that first, and whose session is none is nobody', async () => {
  const [owner, viewer] = [await stepUp(await api.signUp()), await api.signUp()]
  const { body: workspace } = await owner.post('/api/workspaces', { name: 'Team' })
  const path = `/api/workspaces/${workspace.id}/invitations`
  const invited = await owner.post(path, { email: viewer.user!.email, role: 'viewer' })
  await viewer.post('/api/workspaces/invitations/accept', { token: invited.body.token })
  await age(11)
  expect(await call(viewer, { 'x-nora-workspace': workspace.id })).toBe('forbidden')
  await viewer.post('/api/auth/logout')
  expect(await call(viewer)).toBe('unauthenticated')
})
