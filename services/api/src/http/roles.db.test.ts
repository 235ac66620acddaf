import type { Permission } from '@nora/contract/permissions'
import { allows, type Role } from '@nora/domain/roles'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { describe, expect, test } from 'vitest'
import { testApi } from '../testing/test-api.ts'
import { isForPrograms } from './caller.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const anyId = '00000000-0000-4000-8000-000000000000'

describe('every route with a permission, for a member who is', () => {
  test.each(['viewer', 'editor', 'admin', 'owner'] as Role[])('%s', async (role) => {
    const [owner, member] = [await api.signUp(), await api.signUp()]
    const workspace = (await owner.get('/api/workspaces')).body.items[0].id
    await database.asSuperuser(
      'insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)',
      [workspace, member.user!.id, role],
    )
    const guarded = api.app.routeList.filter(
      ({ access, method }) =>
        !isForPrograms(access) && access !== 'public' && access !== 'session' && method !== 'TRACE',
    )
    expect(guarded.length).toBeGreaterThan(10)
    for (const { method, url, access } of guarded) {
      const path = url
        .replace('/workspaces/:id', `/workspaces/${workspace}`)
        .replace(/:\w+/g, anyId)
        .replace('*', 'x')
      const mutation = !['GET', 'HEAD', 'OPTIONS'].includes(method)
      const options = { headers: { 'x-nora-workspace': workspace }, ...(mutation && { body: {} }) }
      const { status } = await member.request(method, path, options)
      const may = access !== 'platform-admin' && allows(role, access as Permission)
      const cell = `${role}: ${method} ${url} (${access})`
      // No session of the console is looked at there.
      const refusal = access === 'platform-admin' ? 401 : 403
      if (!may) expect(status, cell).toBe(refusal)
      else {
        expect([401, 403], cell).not.toContain(status)
        expect(status, cell).toBeLessThan(500)
      }
    }
  })

  test('a stranger: the workspace is like one that is not there', async () => {
    const [owner, stranger] = [await api.signUp(), await api.signUp()]
    const workspace = (await owner.get('/api/workspaces')).body.items[0].id
    for (const header of [workspace, anyId, 'x', `${workspace},${workspace}`, "' or 1=1"]) {
      const answer = await stranger.get('/api/llm-providers', { 'x-nora-workspace': header })
      expect([answer.status, answer.body.code]).toEqual([404, 'not-found'])
    }
  })

  test('a role that was taken away is gone with the next call', async () => {
    const [owner, member] = [await api.signUp(), await api.signUp()]
    const workspace = (await owner.get('/api/workspaces')).body.items[0].id
    const list = () => member.get('/api/llm-providers', { 'x-nora-workspace': workspace })
    await database.asSuperuser(
      `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'viewer')`,
      [workspace, member.user!.id],
    )
    expect((await list()).status).toBe(200)
    await database.asSuperuser('delete from nora.memberships where workspace_id = $1 and user_id = $2', [
      workspace,
      member.user!.id,
    ])
    expect((await list()).status).toBe(404)
  })
})
