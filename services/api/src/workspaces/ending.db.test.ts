import { agentsWithoutData } from '@nora/db/fleet'
import { sweepWorkspaces } from '@nora/db/workspaces'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, test } from 'vitest'
import { type Team, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

// What becomes of a workspace that was deleted; what is asked for and answered is in workspaces.db.test.ts.
const database = testDatabase()
const api = testApi(database, testRedis())

async function agent(t: Team, name: string) {
  const answer = await t.owner.post('/api/agents', { name, runtime: 'starter' }, t.headers)
  expect(answer.status, answer.text).toBe(202)
  return answer.body
}
/** Has a worker deleted every agent of the workspace, some time ago. */
const agentsGone = (t: Team) =>
  database.asSuperuser(
    `update nora.agents set deleted_at = now() - interval '1 minute' where workspace_id = $1 and desired_state = 'deleted'`,
    [t.id],
  )

test('data that was kept when its agent was deleted stays, though the workspace goes', async () => {
  const t = await team(api)
  const [kept, gone] = [await agent(t, 'kept'), await agent(t, 'gone')]
  for (const [id, query] of [
    [kept.id, '?keepData=true'],
    [gone.id, ''],
  ]) {
    expect((await t.owner.delete(`/api/agents/${id}${query}`, t.headers)).status).toBe(202)
  }
  await agentsGone(t)
  expect((await t.owner.delete(`/api/workspaces/${t.id}`)).status).toBe(204)
  expect(await agentsWithoutData(database.worker, [kept.id, gone.id])).toEqual([gone.id])
})

test('a workspace goes without waiting for others whose agents do not go', async () => {
  const t = await team(api)
  await agent(t, 'stays')
  // As many as one round looks at, and more, all longer ago.
  await database.asSuperuser(
    `with w as (insert into nora.workspaces (name, deleting_since) select 'stuck', now() - interval '1 day' from generate_series(1, 40)
       returning id)
     insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
     select id, $1, 'stays', 'starter', 'docker', 'standard', 1, 128, 64, 32 from w`,
    [t.owner.user!.id],
  )
  expect((await t.owner.delete(`/api/workspaces/${t.id}?force=true`)).status).toBe(202)
  await agentsGone(t)
  await waitUntil('the workspace to go', async () => {
    await sweepWorkspaces(database.worker)
    return (await t.owner.get(`/api/workspaces/${t.id}`)).status === 404
  })
})
