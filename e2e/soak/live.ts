import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { waitUntil } from '@nora/testing/wait-until'
import { type Expected, lookAtAgent } from '../world/look-at-agent.ts'
import type { World } from '../world/world.ts'
import { countStored } from './count-lines.ts'
import type { Random } from './random.ts'

export type Kind = 'starter' | 'counting'
export type Tally = { actions: Map<string, number>; lines: number; gaps: string[]; problems: string[] }

/** What one slot's agent should be now, by what its client was answered. */
export type Life = { kind: Kind; agentId: string; keyId: string; expected: Expected; name: string }

type Ground = {
  world: World
  random: Random
  image: string
  tally: Tally
  say(line: string): void
  /** Ends the lives; what they have begun they finish. */
  until: AbortSignal
}

const settleMs = 240_000

/** One slot: an agent is made, asked for things at random, deleted at some time, and the next one made. */
export async function live(ground: Ground, kind: Kind, slot: number): Promise<Life | null> {
  let life: Life | null = null
  for (let turn = 0; !ground.until.aborted; turn++) {
    const words = `${kind}-${slot}, turn ${turn}`
    try {
      if (life === null) life = await create(ground, kind, `${kind}-${slot}-${turn}`)
      else life = await act(ground, life)
      await delay(ground.random.between(100, 3_000))
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      ground.tally.problems.push(`${words}: ${text}`)
      ground.say(`RED ${words}: ${text}`)
      // Whatever is wrong stays to be looked at in the end.
      return life
    }
  }
  return life
}

async function create(ground: Ground, kind: Kind, name: string): Promise<Life> {
  const { world } = ground
  const key = randomUUID().slice(0, 4).toUpperCase()
  const made = await world.client.send('POST', 'llm-providers', {
    ...{ provider: 'openai-compatible', label: name, baseUrl: world.provider.baseUrl, secret: secretOf(key) },
  })
  const keyId = String(made.body['id'])
  const body =
    kind === 'starter'
      ? { runtime: 'starter', resources: { cpus: 1, memoryMb: 128, diskMb: 32, pids: 64 } }
      : { runtime: 'image', image: ground.image, resources: { cpus: 0.5, memoryMb: 32, diskMb: 8, pids: 16 } }
  const life: Life = { kind, name, agentId: '', keyId, expected: { kind, state: 'running', key } }
  const { status, body: agent } = await ask(ground, 'create', 'POST', 'agents', {
    ...{ ...body, name, providerKeyIds: [keyId] },
  })
  if (status !== 202) throw new Error(`create was answered ${status} ${JSON.stringify(agent)}`)
  life.agentId = String(agent['id'])
  await settle(ground, life)
  return life
}

const secretOf = (key: string) => ({ apiKey: `sk-test-${randomUUID().replaceAll('-', '')}-${key}` })

async function act(ground: Ground, life: Life): Promise<Life | null> {
  const { random } = ground
  if (life.expected.state === 'stopped') {
    if (random.chance(0.3)) return remove(ground, life)
    await verb(ground, life, 'start', 'running')
  } else {
    const action = random.pick(['sync-keys', 'restart', 'redeploy', 'stop', 'cancel', 'delete'])
    if (action === 'delete') return remove(ground, life)
    if (action === 'sync-keys') await replaceKey(ground, life)
    if (action === 'cancel') await cancelled(ground, life)
    else await verb(ground, life, action, action === 'stop' ? 'stopped' : 'running')
  }
  await settle(ground, life)
  return life
}

async function verb(ground: Ground, life: Life, action: string, leads: Expected['state']): Promise<void> {
  const { status, body } = await ask(ground, action, 'POST', `agents/${life.agentId}/${action}`, {})
  if (status !== 202) throw new Error(`${action} was answered ${status} ${JSON.stringify(body)}`)
  life.expected.state = leads
}

async function replaceKey({ world }: Ground, life: Life): Promise<void> {
  const key = randomUUID().slice(0, 4).toUpperCase()
  await world.client.send('PUT', `llm-providers/${life.keyId}`, { secret: secretOf(key) })
  life.expected.key = key
}

/** A redeploy that is cancelled after a moment: the agent runs as before or anew, and runs. */
async function cancelled(ground: Ground, life: Life): Promise<void> {
  await verb(ground, life, 'redeploy', 'running')
  await delay(ground.random.between(0, 1_500))
  const { body } = await ground.world.client.get(`agents/${life.agentId}`)
  const operation = body['operation'] as { id: string; kind: string } | null
  if (operation?.kind !== 'redeploy') return
  const path = `agents/${life.agentId}/operations/${operation.id}/cancel`
  const answer = await ask(ground, 'cancel', 'POST', path, {})
  if (answer.status !== 202 && answer.body['code'] !== 'operation-finished') {
    throw new Error(`cancel was answered ${answer.status} ${JSON.stringify(answer.body)}`)
  }
}

async function remove(ground: Ground, life: Life): Promise<null> {
  if (life.kind === 'counting') {
    if (life.expected.state === 'running') await verb(ground, life, 'stop', 'stopped')
    await settle(ground, life)
    await count(ground, life)
  }
  const { status, body } = await ask(ground, 'delete', 'DELETE', `agents/${life.agentId}`)
  if (status !== 202) throw new Error(`delete was answered ${status} ${JSON.stringify(body)}`)
  life.expected.state = 'deleted'
  await settle(ground, life)
  return null
}

/** Reads what a stopped agent that counts has left in the log. */
export async function count({ world, tally }: Pick<Ground, 'world' | 'tally'>, life: Life): Promise<void> {
  const wanted = `a whole log of ${life.name}`
  const counted = await waitUntil(wanted, () => wholeLog(world, life), { deadlineMs: 60_000, everyMs: 500 })
  tally.lines += counted.lines
  tally.gaps.push(...counted.gaps)
}

async function wholeLog(world: World, life: Life) {
  const [container] = await world.docker.listContainers({
    all: true,
    filters: { label: [`com.nora.agent=${life.agentId}`, 'com.nora.role=agent'] },
  })
  const counted = await countStored(world, life.agentId, container?.Id ?? null)
  if (counted.problems.length > 0) throw new Error(counted.problems.slice(0, 5).join('; '))
  return counted
}

/** Waits until the agent is what it should be, everywhere. */
export async function settle({ world }: Pick<Ground, 'world'>, life: Life): Promise<void> {
  await waitUntil(
    `${life.name} (${life.agentId}) to be ${life.expected.state}`,
    async () => {
      await lookAtAgent(world, life.agentId, life.expected)
      return true
    },
    { deadlineMs: settleMs, everyMs: 250 },
  )
}

function ask({ world, tally }: Ground, action: string, method: string, path: string, body?: unknown) {
  tally.actions.set(action, (tally.actions.get(action) ?? 0) + 1)
  return world.client.send(method, path, body)
}
