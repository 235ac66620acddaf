import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, expect, test } from 'vitest'
import { type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

// Terminals from the browser's socket to a process in a container, through the real api and worker.

const it = stack()
const patient = { deadlineMs: 120_000 }
let alice: Client
let bob: Client
let agentId: string

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  bob = await signedIn(it, 'bob')
  agentId = await alice.deploy({ name: 'first', runtime: 'starter' })
  await alice.until(agentId, 'running', 120_000)
}, 300_000)

async function programs(): Promise<string[]> {
  const filters = { label: [`com.nora.agent=${agentId}`, 'com.nora.role=agent'] }
  const [container] = await it.docker.listContainers({ filters })
  const { Processes } = await it.docker.getContainer(container!.Id).top({ ps_args: '-eo pid,args' })
  return (Processes as string[][]).map((row) => row[1]!)
}
const ends = () =>
  it.database.asSuperuser<{ details: { how: string; exitCode?: number } }>(
    `select details from nora.audit_log where event_type = 'EXEC_ENDED' and target_id = $1 order by seq`,
    [agentId],
  )
const shells = async () => (await programs()).filter((name) => / -i$/.test(name))

/** A terminal that is there: whoever is asked to come again, since no worker answers yet, does. */
const begun = () =>
  waitUntil(
    'a terminal',
    async () => {
      const one = await alice.terminal(agentId)
      await one.session()
      return one
    },
    patient,
  )

test('a person types into a shell of their agent, as its user, and sees it end', async () => {
  const one = await begun()
  one.type('echo "canary"$((40 + 2)); echo "uid $(id -u)"; ls /run/nora\n')
  await one.until('canary42')
  one.type('exit 5\n')
  expect(await one.closed).toEqual([1000, ''])
  expect(one.frames).toMatchObject([{ type: 'session' }, { type: 'exit', code: 5 }])
  await waitUntil('the audit', async () => (await ends()).length === 1, patient)
  expect((await ends())[0]!.details).toMatchObject({ how: 'exit', exitCode: 5 })
  for (const service of ['api', 'worker'] as const) expect(await it.logOf(service)).not.toContain('canary')
  expect(await shells()).toEqual([])
})

test('somebody else gets none', async () => {
  await expect(bob.terminal(agentId)).rejects.toThrow('not-found')
})

test('a dropped line is taken up again where it was; another window takes it over', async () => {
  const first = await begun()
  const session = await first.session()
  first.type('x=kept; echo "before"$((1))\n')
  await first.until('before1')
  first.socket.terminate()
  const second = await alice.terminal(agentId, session)
  await second.until('before1')
  second.type('echo "x is $x"\n')
  await second.until('x is kept')
  const third = await alice.terminal(agentId, session)
  expect(await second.closed).toEqual([4409, ''])
  third.socket.close(1000)
  await waitUntil('its end', async () => (await shells()).length === 0, patient)
})

test('when the worker is killed the client is asked to come again, its session is gone, and so is what ran in it', async () => {
  const one = await begun()
  const session = await one.session()
  one.type('echo "up"$((0))\n')
  await one.until('up0')
  await it.killWorker()
  expect((await one.closed)[0]).toBe(1013)
  expect((await shells()).length).toBe(1)
  await it.startWorker()
  await waitUntil('the new worker to end it', async () => (await shells()).length === 0, {
    deadlineMs: 60_000,
  })
  await waitUntil(
    'the audit',
    async () => {
      const open = await it.database.asSuperuser('select 1 from nora.exec_sessions where agent_id = $1', [
        agentId,
      ])
      return open.length === 0
    },
    patient,
  )
  const gone = await alice.terminal(agentId, session)
  expect(await gone.closed).toEqual([4404, 'session-gone'])
  expect((await ends()).at(-1)!.details.how).toBe('worker-lost')
  const anew = await begun()
  anew.type('echo "again"$((0))\n')
  await anew.until('again0')
})

test('when the agent is stopped its terminal ends, and there is none until it runs again', async () => {
  const one = await begun()
  expect((await alice.post(`agents/${agentId}/stop`)).status).toBe(202)
  expect([1000, 4404]).toContain((await one.closed)[0])
  await alice.until(agentId, 'stopped')
  const none = await alice.terminal(agentId)
  expect(await none.closed).toEqual([4404, 'agent-not-running'])
})
