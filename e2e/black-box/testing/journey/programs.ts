import { holds, need, same } from '../../checks.ts'
import type { Sent } from '../../send.ts'
import type { World } from '../../world.ts'
import { isProblem } from './doors.ts'

/** A program with a workspace API key: what it may, what it may not, and how its key is replaced and taken. */
export async function programs(world: World): Promise<void> {
  const { place, checks, send } = world
  const { check } = checks
  checks.part('a program')
  const alice = () => need(world.alice, 'admin')
  const keys = () => `workspaces/${alice().workspace}/api-keys`
  const hub = (key: string, method: string, path: string, body?: object): Promise<Sent> =>
    send(method, `${place.url}/api/${path}`, {
      headers: { authorization: `Bearer ${key}` },
      ...(body ? { body } : {}),
    })
  let id: string | undefined
  let key: string | undefined

  await check('a person makes a key for it, which is shown once', async () => {
    const { api, password } = alice()
    await api.call('POST', 'auth/step-up', { body: { password }, expect: [204] })
    const scopes = ['agents:read', 'agents:invoke', 'keys:sync']
    const { body } = await api.call('POST', keys(), { body: { name: 'Black box', scopes }, expect: [201] })
    id = String(body['id'])
    key = String(body['key'])
    holds(/^nora_hub_/.test(key), 'it is no hub key')
    const listed = await api.call('GET', keys(), { expect: [200] })
    holds(!JSON.stringify(listed.body).includes(key), 'the list shows it')
  })
  await check('with it the program reads and syncs its workspace’s agents', async () => {
    const mine = need(key, 'hub key')
    const me = await hub(mine, 'GET', 'agent-hub/me')
    same(me.status, 200, me.text)
    const agentId = need(world.agentId, 'agent')
    const agent = await hub(mine, 'GET', `agent-hub/agents/${agentId}`)
    same([agent.status, agent.body['id']], [200, agentId], 'the agent')
    const synced = await hub(mine, 'POST', `agent-hub/agents/${agentId}/sync-keys`, {})
    same(synced.status, 202, synced.text)
  })
  await check('what the key was not given is refused, and it opens nothing of people’s', async () => {
    const mine = need(key, 'hub key')
    isProblem(
      await hub(mine, 'POST', 'agent-hub/agents', { name: 'x', runtime: 'starter' }),
      403,
      'missing-scope',
    )
    for (const path of ['llm-providers', 'auth/me', 'workspaces', 'agents', 'audit'])
      isProblem(await hub(mine, 'GET', path), 401)
    isProblem(await hub(alice().api.token() ?? '', 'GET', 'agent-hub/me'), 403, 'api-key-required')
  })
  await check('a rotated key works in place of the one before, which is out without grace', async () => {
    const before = need(key, 'hub key')
    const { body } = await alice().api.call('POST', `${keys()}/${id}/rotate`, {
      body: { graceHours: 0 },
      expect: [200, 201],
    })
    key = String(body['key'])
    same((await hub(key, 'GET', 'agent-hub/me')).status, 200, 'the new key')
    same((await hub(before, 'GET', 'agent-hub/me')).status, 401, 'the key before')
  })
  await check('a revoked key is out at once', async () => {
    await alice().api.call('DELETE', `${keys()}/${id}`, { expect: [200, 204] })
    same((await hub(need(key, 'hub key'), 'GET', 'agent-hub/me')).status, 401, 'the revoked key')
  })
}
