import { waitUntil } from '@nora/testing/wait-until'
import pg from 'pg'
import { expect } from 'vitest'
import { objectNames } from '../backends/docker/names.ts'
import type { WorkerFixture } from './worker-fixture.ts'

/** Ways to make agents of a fixture run and to watch a worker bring them back. */
export function watching(it: WorkerFixture) {
  const names = (agentId: string) => objectNames(it.installation, agentId)
  const until = (what: string, check: () => Promise<boolean>, deadlineMs = 90_000) =>
    waitUntil(what, check, { deadlineMs })
  const shows = (agentId: string, wanted: Record<string, unknown>) =>
    until('the agent', async () => expect(await it.agent(agentId)).toMatchObject(wanted) ?? true)

  /** What was seen and which steps followed, after the provisioning. */
  const timeline = async (agentId: string): Promise<string[]> => {
    const events = await it.database.asSuperuser<{ type: string; data: Record<string, unknown> }>(
      `select type, data from nora.events where agent_id = $1 and seq > (select min(seq) from nora.events
        where agent_id = $1 and type = 'operation.finished') order by seq`,
      [agentId],
    )
    return events.flatMap(({ type, data }) => {
      if (type === 'drift.seen') return [`seen: ${data['reason']}`]
      if (type === 'step.started') return [String(data['step'])]
      return type === 'program.exited' ? ['exited'] : []
    })
  }

  const isIdle = async (agentId: string) => {
    const open = await it.database.asSuperuser(
      `select 1 from nora.operations where agent_id = $1 and status in ('pending', 'leased')`,
      [agentId],
    )
    return open.length === 0
  }

  return {
    names,
    until,
    shows,
    timeline,
    isIdle,
    async container(agentId: string) {
      const [first] = await it.containersOf(agentId)
      return it.docker.getContainer(first?.Id ?? names(agentId).container)
    },
    /** Provisions an agent and gives its id once it runs. */
    async running(over: Record<string, unknown> = {}) {
      const agentId = await it.insertAgent(over)
      await it.untilOperation(await it.insertOperation(agentId, 'provision'), 'succeeded', 120_000)
      return agentId
    },
    /** Waits until the agent was seen to have drifted for this reason, and runs as it should with nothing open. */
    async healed(agentId: string, reason: string) {
      await until(`"${reason}"`, async () => (await timeline(agentId)).includes(`seen: ${reason}`))
      await until('its operations to end', () => isIdle(agentId))
      await shows(agentId, { state: 'running' })
      expect((await it.containersOf(agentId)).map((one) => [one.State, one.Names[0]])).toEqual([
        ['running', `/${names(agentId).container}`],
      ])
    },
    /** Does to an agent what takes several steps before any operation can begin to mend it: its row is held meanwhile. */
    async undisturbed(agentId: string, act: () => Promise<unknown>) {
      const hand = new pg.Client(it.database.superuserUrl)
      await hand.connect()
      try {
        await hand.query('begin')
        await hand.query('select 1 from nora.agents where id = $1 for update', [agentId])
        await act()
      } finally {
        await hand.end()
      }
    },
    /** The audit rows about the removal of what nobody owned. */
    audited: (id: string) =>
      it.database.asSuperuser<{ target_kind: string; details: unknown }>(
        `select target_kind, details from nora.audit_log where event_type = 'ORPHAN_REMOVED' and target_id = $1`,
        [id],
      ),
  }
}
