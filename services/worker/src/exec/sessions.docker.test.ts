import { randomBytes, randomUUID } from 'node:crypto'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import { type Agent, execBench } from './testing/exec-bench.ts'

const database = testDatabase()
const bench = execBench(database, testRedis())

const nothingLeft = (agent: Agent) =>
  waitUntil('nothing to be left', async () => {
    const left = await bench.programs(agent)
    if (left.length > 0) throw new Error(left.join('; '))
    return true
  })
const endOf = (agent: Agent) =>
  waitUntil('the end in the audit', async () =>
    (await bench.audit(agent.agentId)).findLast((row) => row.type === 'EXEC_ENDED'),
  )

describe('a terminal', () => {
  test('echoes, is resized, ends with its code, and is audited without a byte of it', async () => {
    const agent = await bench.agent()
    const shell = await bench.connect(agent)
    const id = await shell.session()
    // What is typed is echoed: only what the shell makes of it tells that the signal came.
    shell.type(`trap 'echo "winch"$((40 + 2))' WINCH; echo "canary"$((40 + 2))\n`)
    await shell.until('canary42')
    shell.ws.send(JSON.stringify({ type: 'resize', cols: 132, rows: 50 }))
    await waitUntil('the resize', () => {
      shell.type('\n')
      return shell.said().includes('winch42')
    })
    shell.type('exit 3\n')
    expect(await shell.closed).toEqual({ code: 1000, reason: '' })
    expect(shell.frames).toEqual([
      { type: 'session', id },
      { type: 'exit', code: 3 },
    ])
    const { details } = await endOf(agent)
    expect(details).toEqual({ execId: id, how: 'exit', exitCode: 3, seconds: expect.any(Number) })
    const rows = await bench.audit(agent.agentId)
    expect(rows.map((row) => [row.type, row.actor])).toEqual([
      ['EXEC_STARTED', bench.alice.userId],
      ['EXEC_ENDED', bench.alice.userId],
    ])
    expect(JSON.stringify(rows) + bench.logged.join('')).not.toContain('canary')
    await nothingLeft(agent)
  })

  test('survives a line that drops: what runs runs on, and whoever comes back sees the last 64 KiB', async () => {
    const agent = await bench.agent()
    const first = await bench.connect(agent)
    const session = await first.session()
    first.type(
      'x=12; for i in $(seq 9000); do echo "line $i"; done; echo "all"$((0)); sleep 1; echo "later"$((1))\n',
    )
    await first.until('line 100')
    first.ws.terminate()
    const second = await bench.connect(agent, { session })
    await second.until('later1')
    expect(await second.session()).toBe(session)
    expect(second.said()).toContain('line 9000')
    second.type('echo "x is $x"\n')
    await second.until('x is 12')
    const third = await bench.connect(agent, { session })
    expect(await second.closed).toEqual({ code: 4409, reason: '' })
    await third.until('x is 12')
    const screen = third.said()
    expect(screen.length).toBeGreaterThanOrEqual(64 * 1024)
    expect(screen.length).toBeLessThan(65 * 1024)
    expect(bench.logged.join('')).not.toContain('line 9000')
    third.ws.close(1000)
    expect((await endOf(agent)).details).toMatchObject({ how: 'closed' })
    await nothingLeft(agent)
  })

  test('is two an agent; a third is told so, and a place that is given back is given again', async () => {
    const agent = await bench.agent()
    const shells = await Promise.all(Array.from({ length: 4 }, () => bench.connect(agent)))
    await waitUntil('two to be served', () => shells.filter(({ frames }) => frames.length > 0).length === 2)
    const late = shells.filter(({ frames }) => frames.length === 0)
    for (const one of late) expect((await one.closed).code).toBe(4429)
    const [served] = shells.filter(({ frames }) => frames.length > 0)
    served!.type('exit\n')
    await served!.closed
    await endOf(agent)
    await (await bench.connect(agent)).session()
  })

  test('no person, and all together, have more than a worker bears', async () => {
    const bob = await person(database, 'bob')
    await database.asSuperuser(
      `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'editor')`,
      [bench.alice.workspaceId, bob.userId],
    )
    const agents = [await bench.agent(), await bench.agent(), await bench.agent()]
    const serving = await bench.serve({ aPerson: 1, inAll: 2 })
    await (await bench.connect(agents[0]!, { serving })).session()
    expect((await (await bench.connect(agents[1]!, { serving })).closed).code).toBe(4429)
    await (await bench.connect(agents[1]!, { serving, who: bob })).session()
    const third = await person(database, 'third')
    expect((await (await bench.connect(agents[2]!, { serving, who: third })).closed).code).toBe(1013)
  })

  test('of somebody else, or of another sign-in, is like one that is not there', async () => {
    const agent = await bench.agent()
    const shell = await bench.connect(agent)
    const session = await shell.session()
    const bob = await person(database, 'bob')
    await database.asSuperuser(
      `insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, 'admin')`,
      [bench.alice.workspaceId, bob.userId],
    )
    const gone = { code: 4404, reason: 'session-gone' }
    const again = { ...bench.alice, sessionId: await secondSignIn() }
    for (const options of [{ session, who: bob }, { session, who: again }, { session: randomUUID() }]) {
      expect(await (await bench.connect(agent, options)).closed).toEqual(gone)
    }
    for (const wrong of ['', 'x', `${session}'`]) {
      expect(await (await bench.connect(agent, { session: wrong })).closed).toEqual(gone)
    }
    expect(await (await bench.connect(await bench.agent(), { session })).closed).toEqual(gone)
    shell.type('echo "still"$((0))\n')
    await shell.until('still0')
  })

  test('whose client sends what is no frame is closed, and can be come back to', async () => {
    const agent = await bench.agent()
    const shell = await bench.connect(agent)
    const session = await shell.session()
    shell.ws.send('{"type":"resize","cols":0,"rows":24}')
    expect((await shell.closed).code).toBe(1008)
    const again = await bench.connect(agent, { session })
    again.ws.send(Buffer.alloc(65 * 1024))
    expect((await again.closed).code).toBe(1009)
    expect(await (await bench.connect(agent, { session })).session()).toBe(session)
  })

  test('a reader that stands still holds its terminal back', async () => {
    const agent = await bench.agent()
    const slow = await bench.connect(agent)
    await slow.session()
    slow.ws.pause()
    slow.type('yes | head -c 10000000; echo "all"$((0))\n')
    const quick = await bench.connect(await bench.agent())
    // As much in the same time: whoever reads has all of it, and the other's program has not been able to end.
    quick.type('yes | head -c 10000000; echo "all"$((0))\n')
    await quick.until('all0')
    expect((await bench.programs(agent)).some((name) => name.startsWith('yes'))).toBe(true)
    slow.ws.resume()
    await slow.until('all0')
  })

  async function secondSignIn(): Promise<string> {
    const [row] = await database.asSuperuser<{ id: string }>(
      `insert into nora.sessions (user_id, transport, secret_hash, idle_expires_at, expires_at)
       values ($1, 'bearer', $2, now() + interval '1 hour', now() + interval '1 hour') returning id`,
      [bench.alice.userId, randomBytes(32)],
    )
    return row!.id
  }
})

describe('what ends one, with everything in it', () => {
  test.each([
    ['nobody has typed for long', { idleMs: 700 }, { code: 4408, reason: '' }, 'idle'],
    [
      'it has been open for long',
      { longestMs: 700 },
      { code: 1013, reason: 'open for eight hours' },
      'too-long',
    ],
  ])('%s', async (_, limits, closing, how) => {
    const serving = await bench.serve(limits)
    const agent = await bench.agent()
    const shell = await bench.connect(agent, { serving })
    shell.type('sleep 777 &\n')
    expect(await shell.closed).toEqual(closing)
    expect((await endOf(agent)).details).toMatchObject({ how })
    await nothingLeft(agent)
  })

  test('nobody comes back', async () => {
    const serving = await bench.serve({ graceMs: 500 })
    const agent = await bench.agent()
    const shell = await bench.connect(agent, { serving })
    const session = await shell.session()
    shell.ws.terminate()
    expect((await endOf(agent)).details).toMatchObject({ how: 'abandoned' })
    expect((await (await bench.connect(agent, { serving, session })).closed).code).toBe(4404)
    await nothingLeft(agent)
  })

  test.each([
    ['the agent stops', (id: string) => bench.docker.getContainer(id).stop({ t: 0 })],
    ['the agent is restarted', (id: string) => bench.docker.getContainer(id).restart({ t: 0 })],
  ])('%s', async (_, act) => {
    const agent = await bench.agent()
    const shell = await bench.connect(agent)
    await shell.session()
    await act(agent.containerId)
    const { code } = await shell.closed
    expect([1000, 4404]).toContain(code)
    expect(['exit', 'agent-ended']).toContain((await endOf(agent)).details['how'])
  })

  test('the worker stops', async () => {
    const serving = await bench.serve()
    const agent = await bench.agent()
    const shell = await bench.connect(agent, { serving })
    await shell.session()
    shell.type('(trap "" HUP; sleep 777) &\n')
    await waitUntil('it', async () => (await bench.programs(agent)).some((name) => name.includes('777')))
    await serving.stop()
    expect((await shell.closed).code).toBe(1013)
    expect((await endOf(agent)).details).toMatchObject({ how: 'worker-stopped' })
    expect(await bench.programs(agent)).toEqual([])
  })

  test('the worker dies: another ends what it left', async () => {
    const dead = await bench.serve({}, 'dies')
    const agent = await bench.agent()
    const shell = await bench.connect(agent, { serving: dead })
    await shell.session()
    shell.type('(trap "" HUP; sleep 777) &\n')
    await waitUntil('it', async () => (await bench.programs(agent)).some((name) => name.includes('777')))
    await waitUntil('its place', async () => {
      const rows = await database.asSuperuser(
        'select 1 from nora.exec_sessions where leader is not null and worker_id = $1',
        ['dies'],
      )
      return rows.length === 1
    })
    const other = await bench.serve()
    await database.asSuperuser(`update nora.workers set last_seen_at = now() where id = 'dies'`)
    await other.exec.sweep()
    expect((await bench.programs(agent)).length).toBeGreaterThan(0)
    // As if nobody had heard of it for a while.
    await database.asSuperuser(`delete from nora.workers where id = 'dies'`)
    await other.exec.sweep()
    expect((await endOf(agent)).details).toMatchObject({ how: 'worker-lost' })
    expect(await bench.programs(agent)).toEqual([])
  })
})
