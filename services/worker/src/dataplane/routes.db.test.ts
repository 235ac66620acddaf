import { randomUUID } from 'node:crypto'
import { withActor } from '@nora/db/actor'
import { assignGateway } from '@nora/db/fleet'
import { leaseOperation } from '@nora/db/leases'
import {
  ensureFirstGateway,
  leaseGateways,
  nextRoutes,
  releaseGateways,
  saveGateway,
} from '@nora/db/registry'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, expect, test } from 'vitest'

const database = testDatabase()
let owner: Awaited<ReturnType<typeof person>>
beforeAll(async () => {
  owner = await person(database, 'owner')
})

/** An agent that hangs on a gateway of `capacity`, as its operation assigns it. */
async function assigned(capacity: number): Promise<string> {
  const [agent] = await database.asSuperuser<{ id: string }>(
    `insert into nora.agents (workspace_id, owner_id, name, runtime, target, sandbox_profile, cpus, memory_mb, disk_mb, pids)
     values ($1, $2, $3, 'image', 'docker', 'standard', 1, 64, 64, 32) returning id`,
    [owner.workspaceId, owner.userId, randomUUID()],
  )
  const [operation] = await database.asSuperuser<{ id: string }>(
    `insert into nora.operations (workspace_id, agent_id, kind) values ($1, $2, 'provision') returning id`,
    [owner.workspaceId, agent!.id],
  )
  const leased = await leaseOperation(database.worker, operation!.id, 'w1', 60_000)
  return withActor(database.worker, leased!.actor, (tx) => assignGateway(tx, capacity))
}

test('a full gateway is followed by another, also when many ask at once', async () => {
  const ids = await Promise.all(Array.from({ length: 7 }, () => assigned(3)))
  const sizes = [...new Set(ids)].map((id) => ids.filter((one) => one === id).length)
  expect(sizes.sort()).toEqual([1, 3, 3])
})

test('one worker cares for a gateway, until it lets go', async () => {
  await ensureFirstGateway(database.worker)
  const mine = await leaseGateways(database.worker, 'w1', 60_000)
  expect(mine.length).toBeGreaterThan(0)
  expect(await leaseGateways(database.worker, 'w2', 6_000)).toEqual([])
  const standing = {
    containerId: 'c',
    controlUrl: 'http://c',
    invokeUrl: 'http://i',
    controlAddress: '10.0.0.2',
  }
  expect(await saveGateway(database.worker, 'w2', { id: mine[0]!.id, ...standing })).toBe(false)
  expect(await saveGateway(database.worker, 'w1', { id: mine[0]!.id, ...standing })).toBe(true)
  await releaseGateways(database.worker, 'w1')
  expect(await leaseGateways(database.worker, 'w2', 6_000)).toHaveLength(mine.length)
})

test('every list of routes has a number of its own, and a higher number a later list', async () => {
  const gatewayId = await assigned(1_000)
  const lists = await Promise.all(Array.from({ length: 10 }, () => nextRoutes(database.worker, gatewayId)))
  const revisions = lists.map((list) => list.revision)
  expect(new Set(revisions).size).toBe(10)
  expect(lists[0]!.agents.every((agent) => agent.gatewayId === gatewayId)).toBe(true)
})
