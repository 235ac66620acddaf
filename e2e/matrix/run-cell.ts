import { deepStrictEqual } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { waitUntil } from '@nora/testing/wait-until'
import { lookAtAgent } from '../world/look-at-agent.ts'
import type { OperationWatch, Told } from '../world/watch-operations.ts'
import type { World } from '../world/world.ts'
import type { Answer } from '../world/world-client.ts'
import { type Cell, stepsOf, type Times } from './cells.ts'
import { type FlowName, flows, type Subject } from './flows.ts'

export type Ground = { world: World; watch: OperationWatch; times: Times }

const cellMs = 240_000

/**
 * Takes the subject through a flow, killing the cell's victim at its moment, and looks until everything is as it should
 * be. Throws with what is not when it never becomes so. Gives milliseconds.
 */
export async function runFlow(
  ground: Ground,
  flow: FlowName,
  subject: Subject,
  cell: Cell | null,
): Promise<number> {
  const { world } = ground
  await world.calm()
  await ground.watch.ready()
  if (flow === 'sync-keys') await replaceKey(world, subject)
  const began = performance.now()
  const killing = cell && killAt(ground, cell, cellMs)
  const idempotencyKey = randomUUID()
  const { method, path, body } = flows[flow].request(subject)
  const send = () => world.client.send(method, path, body, idempotencyKey)
  const answer = await send()
  deepStrictEqual(answer.status, 202, `${method} ${path} answered ${JSON.stringify(answer)}`)
  await killing
  if (flow === 'provision') subject.agentId = String(answer.body['id'])
  if (flows[flow].newGeneration) subject.generation++
  await waitUntil(`the agent to be ${flows[flow].leads}`, () => look(ground, flow, subject, answer), {
    deadlineMs: cellMs,
    everyMs: 100,
  })
  const ms = performance.now() - began
  await lookAtRepeat(world, answer, await send())
  return ms
}

/** A new value, which only a sync may bring to the agent. */
async function replaceKey(world: World, subject: Subject): Promise<void> {
  subject.key = randomUUID().slice(0, 4).toUpperCase()
  const secret = { apiKey: `sk-test-${randomUUID().replaceAll('-', '')}-${subject.key}` }
  const answer = await world.client.send('PUT', `llm-providers/${subject.keyId}`, { secret })
  deepStrictEqual(answer.status, 200, JSON.stringify(answer.body))
}

async function look(ground: Ground, flow: FlowName, subject: Subject, answer: Answer): Promise<true> {
  const { world } = ground
  const { agentId, key, generation } = subject
  await lookAtAgent(world, agentId, { kind: 'starter', state: flows[flow].leads, key })
  const [found] = await world.rows(
    `select (select count(*)::int from nora.agents where name = $2) as agents, a.generation, a.observed_generation,
      (select count(*)::int from nora.operations o where o.agent_id = a.id and o.kind = $3) as operations,
      (select string_agg(o.status, ' ') from nora.operations o where o.agent_id = a.id and o.kind = $3) as statuses,
      (select count(*)::int from nora.events e where e.agent_id = a.id and e.type = 'operation.requested'
        and e.data ->> 'kind' = $3) as requested,
      (select count(*)::int from nora.events e where e.agent_id = a.id and e.type = 'operation.finished'
        and e.data ->> 'kind' = $3) as finished,
      (select count(*)::int from nora.audit_log l where l.target_id = a.id::text and l.event_type = $4) as audited,
      (select max(e.seq) = count(*) from nora.events e where e.agent_id = a.id) as gapless
    from nora.agents a where a.id = $1`,
    [agentId, subject.name, flow, `AGENT_${flow.toUpperCase().replace('-', '_')}_REQUESTED`],
  )
  deepStrictEqual(found, {
    ...{
      agents: 1,
      generation,
      observed_generation: generation,
      operations: 1,
      statuses: 'succeeded',
      requested: 1,
      finished: 1,
      audited: 1,
    },
    gapless: true,
  })
  if (flow !== 'provision') deepStrictEqual(answer.body['id'], agentId)
  return true
}

/** Whoever repeats a request is told the same again and changes nothing. */
async function lookAtRepeat(world: World, first: Answer, again: Answer): Promise<void> {
  const told = ({ status, location, body }: Answer) => ({ status, location, id: body['id'] })
  deepStrictEqual({ ...told(again), replayed: again.replayed }, { ...told(first), replayed: true })
  // Nobody asks meanwhile; what the worker begins by itself, having seen something late, was asked for by nobody.
  const open = await world.rows(
    `select kind from nora.operations where status in ('pending', 'leased') and requested_by is not null`,
  )
  deepStrictEqual(open, [], 'the repeated request began something')
}

/** Waits for the cell's moment and kills; rejects when the moment does not come. */
function killAt({ world, watch, times }: Ground, cell: Cell, deadlineMs: number): Promise<void> {
  const usual = times[cell.flow].get(cell.step ?? '') ?? 0
  return new Promise((resolve, reject) => {
    const stop = watch.on((told) => {
      if (told.kind !== cell.flow || !isMoment(cell, told)) return
      settle(async () => {
        if (cell.moment === 'middle') await delay(usual / 2)
        await waitUntil(`${cell.victim} to be killed`, async () => {
          await world.kill(cell.victim)
          return true
        })
      })
    })
    const timer = setTimeout(
      () => settle(async () => Promise.reject(new Error('its moment did not come'))),
      deadlineMs,
    )
    const settle = (end: () => Promise<void>) => {
      stop()
      clearTimeout(timer)
      end().then(resolve, reject)
    }
  })
}

function isMoment(cell: Cell, told: Told): boolean {
  if (cell.moment === 'asked') return told.status === 'pending'
  if (cell.moment === 'ended') return told.status === 'succeeded'
  return told.status === 'leased' && told.step === cell.step
}

/** Goes through a flow undisturbed and notes how long its steps take. Throws when they are not those that we know. */
export async function measureFlow(ground: Ground, flow: FlowName, subject: Subject): Promise<void> {
  const began = new Map<string, number>()
  let endedAt = 0
  const stop = ground.watch.on(({ kind, step, status }) => {
    if (kind !== flow) return
    if (status === 'succeeded') endedAt = performance.now()
    else if (status === 'leased' && step && !began.has(step)) began.set(step, performance.now())
  })
  await runFlow(ground, flow, subject, null)
  await waitUntil('the end to be told', () => endedAt > 0)
  stop()
  deepStrictEqual([...began.keys()], stepsOf[flow], `${flow} goes through other steps than cells.ts says`)
  const ends = [...began.values(), endedAt]
  ground.times[flow] = new Map([...began].map(([step, at], index) => [step, ends[index + 1]! - at]))
}
