import { randomBytes } from 'node:crypto'
import { ask, removeAgent, untilState } from '@nora/supervisor/demo/agent'
import { followLogs } from '@nora/supervisor/demo/logs'
import { proofOf } from '@nora/supervisor/demo/provider'
import { holds, need, same } from '../../checks.ts'
import { openTerminal } from '../../terminal.ts'
import { type Person, type World, within } from '../../world.ts'
import { isProblem } from './doors.ts'

type HeldKey = { id: string; syncedSecretVersion: number | null }

/** The main job: a key, an agent that holds it, its answer, its log, a terminal, another key; and what somebody else sees of it. */
export async function agents(world: World): Promise<void> {
  const { checks, signal } = world
  const { check } = checks
  checks.part('an agent')
  const alice = () => need(world.alice, 'admin')
  const bob = () => need(world.bob, 'second person')
  const keyId = () => need(world.keyId, 'provider key')
  const agentId = () => need(world.agentId, 'agent')
  const until = (state: string, deadlineMs = 180_000) =>
    untilState(alice().api, agentId(), { state, deadlineMs, say: () => undefined, signal })
  const held = async () => {
    const { body } = await alice().api.call('GET', `agents/${agentId()}`, { expect: [200] })
    return (body['providerKeys'] as HeldKey[])[0]?.syncedSecretVersion
  }
  let apiKey = world.target?.apiKey ?? `black-box-${randomBytes(24).toString('hex')}`
  const answer = async () => {
    const target = need(world.target, 'provider: give --prefix, or NORA_DEMO_API_KEY')
    return ask(
      alice().api,
      agentId(),
      { model: target.model, text: 'Which key do you hold?' },
      () => undefined,
    )
  }

  await check('a provider key is stored, and no answer ever shows it', async () => {
    const { api } = alice()
    world.apiKeys.push(apiKey)
    const baseUrl = world.target?.baseUrl ?? 'https://api.openai.com/v1'
    const { body } = await api.call('POST', 'llm-providers', {
      body: { provider: 'openai-compatible', label: 'Black box', secret: { apiKey }, baseUrl },
      expect: [201],
    })
    world.keyId = String(body['id'])
    same(body['secretVersion'], 1, 'its version')
    for (const path of ['llm-providers', `llm-providers/${world.keyId}`]) {
      const read = await api.call('GET', path, { expect: [200] })
      holds(!JSON.stringify([body, read.body]).includes(apiKey.slice(10)), `${path} shows the key`)
    }
  })
  await check('an agent is deployed, runs, and holds the key', async () => {
    const name = `black-box-${randomBytes(3).toString('hex')}`
    const { body } = await alice().api.call('POST', 'agents', {
      body: { name, runtime: 'starter', providerKeyIds: [keyId()] },
      expect: [202],
    })
    world.agentId = String(body['id'])
    await until('running', 240_000)
    same(await held(), 1, 'the version of the key that it holds')
  })
  await check('it answers through the api and its gateway, with the key that was synced', async () => {
    const said = await answer()
    holds(said.trim() !== '', 'the answer was empty')
    if (world.provider) holds(said.includes(proofOf(apiKey)), `the answer is ${said}`)
  })
  await check('its log streams over a socket that a ticket opened, without the key', async () => {
    const logs = await followLogs(alice().api, agentId(), () => undefined)
    try {
      holds(
        (await logs.find((line) => line.text.includes('"turn"'), 60_000)) !== undefined,
        'no line of the turn came',
      )
      holds(!logs.lines.some((line) => line.text.includes(apiKey)), 'the key is in the log')
      same(
        logs.lines.map(({ seq }) => seq),
        logs.lines.map((_, at) => at + 1),
        'the numbers of its lines',
      )
    } finally {
      logs.close()
    }
  })
  await check('a ticket opens one socket, once, and none of another kind', async () => {
    const { body } = await alice().api.call('POST', 'ws-tickets', {
      body: { kind: 'logs', agentId: agentId() },
      expect: [201],
    })
    const ticket = String(body['ticket'])
    const other = await openTerminal(alice().api, agentId(), { ticket }).then(
      (terminal) => terminal.closed,
      () => 'refused' as const,
    )
    holds(other === 'refused' || other === 4401, `a terminal with a ticket for logs ended with ${other}`)
  })
  await check('a terminal runs a shell as the agent’s user, and ends with it', async () => {
    const terminal = await openTerminal(alice().api, agentId())
    try {
      terminal.type('echo "canary"$((40 + 2)); while read -r a b; do echo "$a $b"; done </proc/self/status\n')
      await terminal.find('canary42', 60_000)
      await terminal.find('Uid: 10001', 60_000)
      terminal.type('exit 5\n')
      same(await terminal.closed, 1000, 'how it closed')
    } finally {
      terminal.end()
    }
  })
  await check('a replaced key reaches the agent with the sync that is asked for', async () => {
    const { api } = alice()
    apiKey = `black-box-${randomBytes(24).toString('hex')}`
    world.apiKeys.push(apiKey)
    const { body } = await api.call('PUT', `llm-providers/${keyId()}`, {
      body: { secret: { apiKey } },
      expect: [200],
    })
    same([body['secretVersion'], await held()], [2, 1], 'versions before the sync')
    await api.call('POST', `agents/${agentId()}/sync-keys`, { body: {}, expect: [202] })
    await until('running')
    same(await held(), 2, 'the version that the agent holds')
    world.provider?.take(apiKey)
    if (world.provider)
      holds((await answer()).includes(proofOf(apiKey)), 'the answer is not with the new key')
  })
  await check('somebody else sees nothing of it: the same 404 as for what is not there', () =>
    strangers(bob(), agentId(), keyId(), world),
  )
}

async function strangers(bob: Person, agentId: string, keyId: string, { send, place }: World): Promise<void> {
  const { body } = await bob.api.call('GET', 'agents', { expect: [200] })
  holds(!JSON.stringify(body).includes(agentId), 'it is in their list')
  // The one that this call was admitted with.
  const headers = { authorization: `Bearer ${bob.api.token()}` }
  const nowhere = '00000000-0000-4000-8000-000000000000'
  const asked: [string, string, object?][] = [
    ['GET', 'agents/ID'],
    ['GET', 'agents/ID/logs'],
    ['GET', 'agents/ID/operations'],
    ['POST', 'agents/ID/stop', {}],
    ['POST', 'agents/ID/invoke/v1/chat/completions', { messages: [] }],
    ['DELETE', 'agents/ID'],
    ['GET', 'llm-providers/KEY'],
    ['DELETE', 'llm-providers/KEY'],
  ]
  for (const [method, path, body] of asked) {
    const [theirs, absent] = await Promise.all(
      [path.replace('ID', agentId).replace('KEY', keyId), path.replace(/ID|KEY/, nowhere)].map((one) =>
        send(method, `${place.url}/api/${one}`, { headers, ...(body ? { body } : {}) }),
      ),
    )
    for (const one of [theirs!, absent!]) isProblem(one, 404)
    same(theirs!.body['code'], absent!.body['code'], `${method} ${path}`)
  }
}

/** Stop, start and restart; then the agent and the key go, and nothing is left. */
export async function ending(world: World): Promise<void> {
  const { checks, signal } = world
  const { check } = checks
  checks.part('its end')
  const alice = () => need(world.alice, 'admin')
  const agentId = () => need(world.agentId, 'agent')

  for (const [verb, state] of [
    ['stop', 'stopped'],
    ['start', 'running'],
    ['restart', 'running'],
  ] as const) {
    await check(`${verb} leaves it ${state}`, async () => {
      await alice().api.call('POST', `agents/${agentId()}/${verb}`, { body: {}, expect: [202] })
      await untilState(alice().api, agentId(), { state, deadlineMs: 180_000, say: () => undefined, signal })
    })
  }
  await check('a key in use is not deleted unless that is forced', async () => {
    const { body } = await alice().api.call('DELETE', `llm-providers/${need(world.keyId, 'key')}`, {
      expect: [409],
    })
    same(body['code'], 'provider-key-in-use', 'the code')
  })
  await check('a deleted agent is gone, and its key can go', async () => {
    await removeAgent(alice().api, agentId(), signal)
    await alice().api.call('DELETE', `llm-providers/${need(world.keyId, 'key')}`, { expect: [200, 204] })
    const listed = await alice().api.call('GET', 'agents', { expect: [200] })
    holds(!JSON.stringify(listed.body).includes(agentId()), 'it is still listed')
  })
}

/** A workspace for two: who is invited comes in with their role, and is out at once when removed. */
export async function team(world: World): Promise<void> {
  const { checks, signal } = world
  const { check } = checks
  checks.part('a workspace of two')
  const alice = () => need(world.alice, 'admin')
  const bob = () => need(world.bob, 'second person')
  let workspace: string | undefined
  let joined = false

  await check('a workspace is made', async () => {
    const { body } = await alice().api.call('POST', 'workspaces', {
      body: { name: 'Black box' },
      expect: [201],
    })
    workspace = String(body['id'])
    await bob().api.call('GET', `workspaces/${workspace}`, { expect: [404] })
  })
  await check('who is invited joins, with the role that was given and no more', async () => {
    const id = need(workspace, 'workspace')
    await alice().api.call('POST', 'auth/step-up', { body: { password: alice().password }, expect: [204] })
    const invited = await alice().api.call('POST', `workspaces/${id}/invitations`, {
      body: { email: bob().email, role: 'viewer' },
      expect: [201],
    })
    await bob().api.call('POST', 'workspaces/invitations/accept', {
      body: { token: invited.body['token'] },
      expect: [200],
    })
    joined = true
    const here = within(bob(), id, signal)
    await here.call('GET', 'agents', { expect: [200] })
    await here.call('POST', 'agents', { body: { name: 'not-theirs', runtime: 'starter' }, expect: [403] })
  })
  await check('who is removed is out at once', async () => {
    holds(joined, 'not asked: nobody joined')
    const id = need(workspace, 'workspace')
    await alice().api.call('DELETE', `workspaces/${id}/members/${bob().userId}`, { expect: [200, 204] })
    await within(bob(), id, signal).call('GET', 'agents', { expect: [403, 404] })
    await bob().api.call('GET', `workspaces/${id}`, { expect: [404] })
  })
  await check('a deleted workspace is gone', async () => {
    const id = need(workspace, 'workspace')
    await alice().api.call('DELETE', `workspaces/${id}`, { expect: [200, 202, 204] })
    await alice().api.call('GET', `workspaces/${id}`, { expect: [404] })
  })
}
