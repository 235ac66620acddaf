import type { DeployOptions } from '@nora/contract/deploy-options'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const limits = { vcpu: 2, ramMb: 1024, diskGb: 5, agents: 3 }
const api = testApi(database, testRedis(), { config: { limits, maxAgentsTotal: 5 } })

async function optionsOf(who: Client, headers = {}): Promise<DeployOptions> {
  const answer = await who.get('/api/deploy-options', headers)
  expect(answer.status, answer.text).toBe(200)
  return answer.body
}
const deploy = (who: Client, more = {}, headers = {}) =>
  who.post('/api/agents', { name: 'a', runtime: 'starter', ...more }, headers)

test('what is offered can be deployed, and what is not is refused in the same words', async () => {
  const ada = await api.signUp()
  const { runtimes, targets, sandboxProfiles, quotas } = await optionsOf(ada)
  expect(runtimes.map(({ name, chat, asks }) => [name, chat, asks.image])).toEqual([
    ['starter', true, 'no'],
    ['image', false, 'required'],
  ])
  expect(quotas.perAgent).toEqual({ cpus: 2, memoryMb: 1024, diskMb: 5120, pids: 32_768 })
  expect(targets.map(({ name, available }) => [name, available])).toEqual([
    ['docker', true],
    ['kubernetes', false],
    ['proxmox', false],
    ['remote', false],
  ])
  expect(sandboxProfiles.map(({ name, available }) => [name, available])).toEqual([
    ['standard', true],
    ['hardened', false],
  ])
  for (const [field, choices, code] of [
    ['target', targets, 'target-unavailable'],
    ['sandboxProfile', sandboxProfiles, 'profile-unavailable'],
  ] as const) {
    for (const { name, reason, available } of choices) {
      if (available) continue
      const refused = await deploy(ada, { [field]: name })
      expect([refused.status, refused.body.code, refused.body.reason]).toEqual([422, code, reason])
    }
  }
  for (const { name, asks, defaults } of runtimes) {
    const image = asks.image === 'required' ? { image: 'ghcr.io/you/agent:1.0' } : {}
    const made = await deploy(ada, { runtime: name, resources: defaults, ...image })
    expect([name, made.status]).toEqual([name, 202])
  }
  expect((await optionsOf(ada)).quotas.agents).toEqual({ limit: 3, used: 2, left: 1, limitedBy: null })
})

test('quotas are those of the chosen workspace, and of all others nothing is told but that the server is full', async () => {
  const here = await team(api)
  expect((await optionsOf(here.owner, here.headers)).quotas.agents).toEqual({
    ...{ limit: 3, used: 0, left: 3, limitedBy: null },
  })
  for (let made = 0; made < 3; made++) expect((await deploy(here.owner, {}, here.headers)).status).toBe(202)
  expect((await optionsOf(here.owner, here.headers)).quotas.agents).toMatchObject({
    ...{ used: 3, left: 0, limitedBy: 'workspace' },
  })
  const viewer = await here.join('viewer')
  expect((await optionsOf(viewer, here.headers)).quotas.agents.used).toBe(3)
  // Five in all: nobody makes another one, whatever their own workspace would allow.
  expect((await optionsOf(viewer)).quotas.agents).toEqual({ limit: 3, used: 0, left: 0, limitedBy: 'server' })
  expect((await deploy(viewer)).body.quota).toBe('MAX_AGENTS_TOTAL')
  const stranger = await api.signUp()
  expect((await stranger.get('/api/deploy-options', here.headers)).status).toBe(404)
  await database.asSuperuser('update nora.agents set deleted_at = now() where workspace_id = $1', [here.id])
  expect((await optionsOf(viewer)).quotas.agents).toMatchObject({ left: 3, limitedBy: null })
})

test('whether disk is enforced is what the newest agent of the workspace met', async () => {
  const carl = await api.signUp()
  const { id } = (await deploy(carl)).body
  expect((await optionsOf(carl)).diskEnforced).toBeNull()
  for (const enforced of [true, false]) {
    await database.asSuperuser('update nora.agents set disk_enforced = $2 where id = $1', [id, enforced])
    expect((await optionsOf(carl)).diskEnforced).toBe(enforced)
  }
  expect((await optionsOf(await api.signUp())).diskEnforced).toBeNull()
})
