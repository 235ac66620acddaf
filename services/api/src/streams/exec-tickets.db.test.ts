import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import { codeOf, enrol, passkeyStepUp } from '../passkeys/testing/enrol.ts'
import type { Client } from '../testing/client.ts'
import { logSockets, quiet } from '../testing/log-sockets.ts'
import { stepUp, team } from '../testing/team.ts'
import { testApi } from '../testing/test-api.ts'
import { withinFiveSeconds } from '../testing/within-five-seconds.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const logs = logSockets(database, api)

type Headers = Record<string, string>
const ask = (who: Client, agentId: string, headers: Headers = {}) =>
  who.post('/api/ws-tickets', { kind: 'exec', agentId }, headers)
async function deploy(who: Client, body: object = {}, headers: Headers = {}): Promise<string> {
  const made = await who.post('/api/agents', { name: 'a', runtime: 'starter', ...body }, headers)
  expect(made.status, made.text).toBe(202)
  return made.body.id
}
const stepDown = (who: Client) =>
  database.asSuperuser(
    `update nora.sessions set stepped_up_until = null, proven_at = now() - interval '11 minutes' where user_id = $1`,
    [who.user!.id],
  )

describe('a ticket for a terminal', () => {
  test('is for editors and up, of the workspace alone', async () => {
    const t = await team(api)
    const agent = await deploy(t.owner, {}, t.headers)
    for (const role of ['editor', 'admin'] as const) {
      expect((await ask(await t.join(role), agent, t.headers)).status).toBe(201)
    }
    expect(codeOf(await ask(await t.join('viewer'), agent, t.headers))).toEqual([403, 'forbidden'])
    const stranger = await stepUp(await api.signUp())
    expect(codeOf(await ask(stranger, agent))).toEqual([404, 'not-found'])
    await t.owner.delete(`/api/agents/${agent}`, t.headers)
    await database.asSuperuser('update nora.agents set deleted_at = now() where id = $1', [agent])
    expect(codeOf(await ask(t.owner, agent, t.headers))).toEqual([404, 'not-found'])
  })

  test('needs the password within ten minutes, at sign-in or again', async () => {
    const who = await api.signUp()
    const agent = await deploy(who)
    expect((await ask(who, agent)).status).toBe(201)
    await stepDown(who)
    expect(codeOf(await ask(who, agent))).toEqual([403, 'step-up-required'])
    expect((await ask(await stepUp(who), agent)).status).toBe(201)
  })

  test('is not for whom the agent holds a key of somebody else’s that was not shared', async () => {
    const t = await team(api)
    const editor = await t.join('editor')
    const secret = { provider: 'openai', label: 'k', secret: { apiKey: 'sk-test-0123456789abcdefghij' } }
    const key = (await t.owner.post('/api/llm-providers', secret, t.headers)).body.id
    const agent = await deploy(t.owner, { providerKeyIds: [key] }, t.headers)
    expect(codeOf(await ask(editor, agent, t.headers))).toEqual([403, 'agent-holds-foreign-key'])
    expect((await ask(t.owner, agent, t.headers)).status).toBe(201)
    const shared = await t.owner.patch(`/api/llm-providers/${key}`, { sharedWithWorkspace: true }, t.headers)
    expect(shared.status, shared.text).toBe(200)
    expect((await ask(editor, agent, t.headers)).status).toBe(201)
  })

  test('asks whoever has a passkey for its word for this agent', async () => {
    const who = await api.signUp()
    const device = await enrol(who)
    const [agent, other] = [await deploy(who), await deploy(who, { name: 'b' })]
    await passkeyStepUp(who, device)
    const refused = [403, 'passkey-confirmation-required']
    const confirm = async (targetId: string) => {
      const options = await who.post('/api/auth/passkeys/actions/options', { action: 'agent:exec', targetId })
      const given = await who.post('/api/auth/passkeys/actions', { assertion: device.assert(options.body) })
      expect(given.status, given.text).toBe(204)
    }
    expect(codeOf(await ask(who, agent))).toEqual(refused)
    await confirm(other)
    expect(codeOf(await ask(who, agent))).toEqual(refused)
    await confirm(agent)
    expect((await ask(who, agent)).status).toBe(201)
    await database.asSuperuser(
      `update nora.action_assertions set created_at = now() - interval '301 seconds'`,
    )
    expect(codeOf(await ask(who, agent))).toEqual(refused)
    // A session that they may come back to: the worker asks for the word where a new one begins.
    await database.asSuperuser(
      `insert into nora.exec_sessions (workspace_id, agent_id, user_id, session_id, worker_id, container_id)
       select a.workspace_id, a.id, a.owner_id, s.id, 'w', 'c' from nora.agents a join nora.sessions s on s.user_id = a.owner_id
       where a.id = $1`,
      [agent],
    )
    expect((await ask(who, agent)).status).toBe(201)
    expect(codeOf(await ask(who, other))).toEqual(refused)
  })

  test('opens a terminal, once, and no log; nor does one for a log open a terminal', async () => {
    const who = await api.signUp()
    const agent = await deploy(who)
    const worker = await logs.worker(quiet)
    const ticket = await logs.ticketOf(who, agent, 'exec')
    expect(await logs.connect(ticket, who, { agent }).closed).toBe(4401)
    const forLog = await logs.ticketOf(who, agent)
    expect(await logs.connect(forLog, who, { agent, kind: 'exec' }).closed).toBe(4401)
    const shell = logs.connect(ticket, who, { agent, kind: 'exec' })
    await waitUntil('the session', () => shell.frames.length === 1)
    expect(await logs.connect(ticket, who, { agent, kind: 'exec' }).closed).toBe(4401)
    expect(worker.terminals.length).toBe(1)
    const audited = await database.asSuperuser(
      `select details from nora.audit_log where event_type = 'STREAM_TICKET_ISSUED' and target_id = $1 order by seq`,
      [agent],
    )
    expect(audited.map((row) => (row['details'] as { kind: string }).kind)).toEqual(['exec', 'logs'])
    expect(api.logged.join('\n')).not.toContain(ticket)
  })

  test('is written by the function alone that asks for all this', async () => {
    const columns = '(workspace_id, agent_id, user_id, session_id, kind, ticket_hash, ticket_expires_at)'
    const who = await api.signUp()
    const agent = await deploy(who)
    const [session] = await database.asSuperuser<{ id: string; workspace_id: string }>(
      `select s.id, a.workspace_id from nora.sessions s, nora.agents a where s.user_id = $1 and a.id = $2`,
      [who.user!.id, agent],
    )
    const claims = api.app.accessTokens.verify(who.accessToken!)!
    const insert = (kind: string) => {
      const { id, workspace_id: workspace } = session!
      const hash = kind === 'exec' ? '5a' : '5b'
      const values = `'${workspace}', '${agent}', '${who.user!.id}', '${id}', '${kind}', '\\x${hash.repeat(32)}', now()`
      return database.app.transaction().execute(async (tx) => {
        const raw = (text: string) =>
          tx.executeQuery({ sql: text, parameters: [], query: {} as never, queryId: {} as never })
        await raw(`select nora.enter_session('${id}', '\\x${claims.secret.toString('hex')}', null)`)
        await raw(`insert into nora.streams ${columns} values (${values})`)
      })
    }
    await insert('logs')
    await expect(insert('exec')).rejects.toMatchObject({ code: '42501' })
  })
})

describe('an open terminal', () => {
  const opened = async (who: Client, agent: string) => {
    const shell = logs.connect(await logs.ticketOf(who, agent, 'exec'), who, { agent, kind: 'exec' })
    await waitUntil('the session', () => shell.frames.length === 1)
    return shell
  }

  test.each([
    ['signing out', (who: Client) => who.post('/api/auth/logout', {})],
    [
      'being made a viewer',
      (who: Client) =>
        database.asSuperuser(`update nora.memberships set role = 'viewer' where user_id = $1`, [
          who.user!.id,
        ]),
    ],
  ])('is closed within five seconds by %s', async (_, act) => {
    await logs.worker(quiet)
    const who = await api.signUp()
    const shell = await opened(who, await deploy(who))
    await act(who)
    expect(await withinFiveSeconds(database, shell.closed)).toBe(4403)
  })

  test('takes one of the twenty places a person has', async () => {
    await logs.worker(quiet)
    const who = await api.signUp()
    const agent = await deploy(who)
    await opened(who, agent)
    for (let i = 0; i < 19; i++) {
      const one = logs.connect(await logs.ticketOf(who, agent), who, { agent })
      await waitUntil('it', () => one.frames.length === 1)
    }
    const late = logs.connect(await logs.ticketOf(who, agent, 'exec'), who, { agent, kind: 'exec' })
    expect(await late.closed).toBe(4429)
  })
})
