// The worker here is a stand-in that speaks the internal protocol; e2e runs terminals against the real one.
import { capabilityPublicKey, verifyCapability } from '@nora/crypto/capability'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import type { Client } from '../testing/client.ts'
import { logSockets, quiet } from '../testing/log-sockets.ts'
import type { ExecScript } from '../testing/stand-in-worker.ts'
import { stepUp } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const logs = logSockets(database, api)

const id = '7d5f6c1e-0f43-4c1f-8f4f-0d5f6c1f7a10'
/** Says what it was sent: bytes as bytes, frames in the words of a frame. */
const echo: ExecScript = (socket) => {
  socket.send(JSON.stringify({ type: 'session', id }))
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) return socket.send(data, { binary: true })
    socket.send(JSON.stringify({ type: 'echo', text: data.toString() }))
  })
}
const deploy = async (who: Client) => {
  const made = await who.post('/api/agents', { name: 'a', runtime: 'starter' })
  expect(made.status, made.text).toBe(202)
  return String(made.body.id)
}
const open = async (who: Client, agent: string, query = '') => {
  const ticket = await logs.ticketOf(who, agent, 'exec')
  return logs.connect(ticket, who, { agent, query, kind: 'exec' })
}
/** Waits until a number has grown, and grows no more. */
function standsStill(number: () => number) {
  let before = 0
  const same = () => {
    const still = before > 0 && number() === before
    before = number()
    return still
  }
  return waitUntil('one side to be held back', same, { everyMs: 300, deadlineMs: 90_000 })
}
/** Somebody new, for limits are a person's, with an agent. */
async function somebody() {
  const who = await stepUp(await api.signUp())
  return { who, agent: await deploy(who) }
}
/** As a worker notes it. */
const note = (agentId: string, session: string, worker: string) =>
  database.asSuperuser(
    `insert into nora.exec_sessions (id, workspace_id, agent_id, user_id, session_id, worker_id, container_id)
     select $2, a.workspace_id, a.id, a.owner_id, s.id, $3, 'c' from nora.agents a join nora.sessions s on s.user_id = a.owner_id
     where a.id = $1 limit 1`,
    [agentId, session, worker],
  )

describe('a terminal’s socket', () => {
  test('passes bytes and frames as they are, both ways, with whose it is named to the worker', async () => {
    const { who, agent } = await somebody()
    const worker = await logs.worker(quiet, 'w', echo)
    const shell = await open(who, agent, '?cols=132&rows=50&x=1')
    await waitUntil('the session', () => shell.frames.length === 1)
    expect(shell.socket.protocol).toBe('nora.v1')
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    shell.socket.send(bytes)
    shell.socket.send('{"type":"resize","cols":80,"rows":24}')
    await waitUntil('both', () => shell.frames.length === 2 && shell.bytes().length === 256)
    expect(Buffer.from(shell.bytes(), 'latin1').equals(bytes)).toBe(true)
    expect(shell.frames).toEqual([
      { type: 'session', id },
      { type: 'echo', text: '{"type":"resize","cols":80,"rows":24}' },
    ])
    const [asked] = worker.terminals
    expect(asked!.query).toBe('cols=132&rows=50')
    const claims = verifyCapability(capabilityPublicKey(api.deps.capabilitySeed), asked!.capability, {
      ...{ audience: 'worker', op: 'exec', agent },
    })
    expect(claims.sub).toBe(who.user!.id)
    expect(claims.exp - claims.iat).toBe(30)
  })

  test('loses nothing that is typed before the shell is there', async () => {
    const { who, agent } = await somebody()
    const type = ({ socket }: Awaited<ReturnType<typeof open>>) =>
      socket.once('open', () => {
        for (const part of ['one ', 'two ', 'three']) socket.send(Buffer.from(part))
      })
    const early = await open(who, agent)
    type(early)
    expect(await early.closed).toBe(1013)
    await logs.worker(quiet, 'w', echo)
    const shell = await open(who, agent)
    type(shell)
    await waitUntil('all of it', () => shell.bytes() === 'one two three')
  })

  test('goes to the worker that has the session, and is closed when nobody has it', async () => {
    const { who, agent } = await somebody()
    const gone = [4404, 'session-gone']
    const has = await logs.worker(quiet, 'has', echo)
    const other = await logs.worker(quiet, 'other', echo)
    await note(agent, id, 'has')
    const shell = await open(who, agent, `?session=${id}`)
    await waitUntil('the session', () => shell.frames.length === 1)
    expect([has.terminals.length, other.terminals.length]).toEqual([1, 0])
    expect(has.terminals[0]!.query).toContain(`session=${id}`)
    for (const session of ['', 'x', '00000000-0000-4000-8000-000000000000', `${id}&session=${id}`]) {
      const one = await open(who, agent, `?session=${session}`)
      if (session.startsWith(id)) await waitUntil('it', () => one.frames.length === 1)
      else expect([await one.closed, one.reason()]).toEqual(gone)
    }
    const { who: stranger, agent: theirs } = await somebody()
    const one = await open(stranger, theirs, `?session=${id}`)
    expect([await one.closed, one.reason()]).toEqual(gone)
    expect(other.terminals).toEqual([])
  })

  test('hands the worker’s verdict on, and asks to come again for anything else', async () => {
    const { who, agent } = await somebody()
    const said: [number, number][] = [
      [1000, 1000],
      [4401, 1013],
      [4403, 4403],
      [4404, 4404],
      [4408, 4408],
      [4409, 4409],
      [4429, 4429],
      [4999, 1013],
      [1011, 1013],
    ]
    let now = 0
    await logs.worker(quiet, 'w', (socket) => socket.close(said[now]![0], 'why'))
    for (const [, told] of said) {
      const shell = await open(who, agent)
      expect([await shell.closed, shell.reason()]).toEqual([told, told === 1013 ? '' : 'why'])
      now++
    }
  })

  test('without a worker asks to come again, and tries another when the first is gone', async () => {
    const { who, agent } = await somebody()
    const none = await open(who, agent)
    expect([await none.closed, none.reason()]).toEqual([1013, 'no worker answers'])
    await logs.worker(quiet, 'lives', echo)
    await database.asSuperuser(
      `insert into nora.workers (id, kid8, key_version, internal_url, last_seen_at) values ('dead', $1, 1, 'http://127.0.0.1:9', now() + interval '2 hours')`,
      [Buffer.alloc(8)],
    )
    const shell = await open(who, agent)
    await waitUntil('the session', () => shell.frames.length === 1)
  })

  test('tells the worker whether its client is done or has dropped', async () => {
    const { who, agent } = await somebody()
    const codes: number[] = []
    await logs.worker(quiet, 'w', (socket, query) => {
      echo(socket, query)
      socket.on('close', (code) => codes.push(code))
    })
    const leave: ((shell: Awaited<ReturnType<typeof open>>) => void)[] = [
      ({ socket }) => socket.close(1000),
      ({ socket }) => socket.close(1001),
      ({ socket }) => socket.terminate(),
    ]
    for (const [index, act] of leave.entries()) {
      const shell = await open(who, agent)
      await waitUntil('the session', () => shell.frames.length === 1)
      act(shell)
      await waitUntil('the worker to know', () => codes.length === index + 1)
    }
    expect(codes).toEqual([1000, 1006, 1006])
  })

  test('a slow side holds the other back, whichever it is', async () => {
    const { who, agent } = await somebody()
    const chunk = Buffer.alloc(32 * 1024, 120)
    const chunks = 1_500
    let sent = 0
    let taken = 0
    let worker: Parameters<ExecScript>[0] | undefined
    await logs.worker(quiet, 'w', (socket, query) => {
      worker = socket
      echo(socket, query)
      socket.removeAllListeners('message')
      socket.on('message', (data: Buffer) => {
        taken += data.length
      })
    })
    const shell = await open(who, agent)
    await waitUntil('the session', () => shell.frames.length === 1)
    let read = 0
    shell.socket.on('message', (data: Buffer) => {
      read += data.length
    })
    shell.socket.pause()
    const sending = (async () => {
      for (; sent < chunks; sent++) await new Promise((resolve) => worker!.send(chunk, resolve))
    })()
    await standsStill(() => sent)
    expect(sent).toBeLessThan(chunks / 2)
    shell.socket.resume()
    await sending
    await waitUntil('all of it', () => read >= chunks * chunk.length, { deadlineMs: 90_000 })

    worker!.pause()
    let typed = 0
    const typing = (async () => {
      for (; typed < chunks; typed++) await new Promise((resolve) => shell.socket.send(chunk, resolve))
    })()
    await standsStill(() => typed)
    expect(typed).toBeLessThan(chunks / 2)
    worker!.resume()
    await typing
    await waitUntil('all of it', () => taken === chunks * chunk.length, { deadlineMs: 90_000 })
  })
})
