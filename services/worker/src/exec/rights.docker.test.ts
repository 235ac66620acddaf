import { randomBytes, randomUUID } from 'node:crypto'
import { keepWord } from '@nora/db/action-words'
import { withActor } from '@nora/db/actor'
import { enrolApi } from '@nora/db/identities'
import { addPasskey, myPasskeys } from '@nora/db/passkeys'
import { actionChallenge } from '@nora/passkeys/action-challenge'
import { type Authenticator, authenticator } from '@nora/passkeys/testing/authenticator'
import { ownMs } from '@nora/testing/own-time'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { waitUntil } from '@nora/testing/wait-until'
import { describe, expect, test } from 'vitest'
import { storeKey } from '../secrets/testing/arrange.ts'
import { type Agent, execBench } from './testing/exec-bench.ts'

// The api here is whoever has its key for capabilities and its place in the database: what a compromised one could ask for.

const database = testDatabase()
const bench = execBench(database, testRedis())

async function member(role: string): Promise<Person> {
  const one = await person(database, role)
  await database.asSuperuser(
    'insert into nora.memberships (workspace_id, user_id, role) values ($1, $2, $3)',
    [bench.alice.workspaceId, one.userId, role],
  )
  return one
}
const attach = (agent: Agent, keyId: string) =>
  database.asSuperuser(
    'insert into nora.agent_credentials (workspace_id, agent_id, credential_id) values ($1, $2, $3)',
    [bench.alice.workspaceId, agent.agentId, keyId],
  )
const sessionsOf = (agent: Agent) =>
  database.asSuperuser('select 1 from nora.exec_sessions where agent_id = $1', [agent.agentId])
const left = (agent: Agent) =>
  waitUntil('nothing to be left', async () => (await bench.programs(agent)).length === 0)

describe('the worker asks Postgres itself', () => {
  test('what the capability says must be what the stream is, and of just now', async () => {
    const agent = await bench.agent()
    const other = await bench.agent()
    const past = Math.floor(Date.now() / 1000) - 60
    const logs = await bench.stream(agent.agentId)
    await database.asSuperuser(`update nora.streams set kind = 'logs' where id = $1`, [logs])
    const old = await bench.stream(agent.agentId)
    await database.asSuperuser(
      `update nora.streams set redeemed_at = now() - interval '61 seconds' where id = $1`,
      [old],
    )
    const unredeemed = await bench.stream(agent.agentId)
    await database.asSuperuser('update nora.streams set redeemed_at = null where id = $1', [unredeemed])
    const codes = []
    for (const options of [
      { claims: { aud: 'gateway' as const } },
      { claims: { op: 'logs' } },
      { claims: { iat: past, exp: past + 30 } },
      { claims: { agent: other.agentId } },
      { claims: { workspace: randomUUID() } },
      { claims: { sub: (await member('editor')).userId } },
      { claims: { stream: randomUUID() } },
      { stream: logs },
      { stream: old },
      { stream: unredeemed },
    ]) {
      codes.push((await (await bench.connect(agent, options)).closed).code)
    }
    expect(codes).toEqual([4401, 4401, 4401, 4401, 4401, 4401, 4403, 4401, 4403, 4403])
    expect(await sessionsOf(agent)).toEqual([])
    expect(await bench.programs(agent)).toEqual([])
  })

  test('no viewer, no stranger, nobody where the agent holds, or was given, a key that is not theirs to use', async () => {
    const agent = await bench.agent()
    const editor = await member('editor')
    const codeOf = async (who: Person) => (await (await bench.connect(agent, { who })).closed).code
    const opens = async () => {
      const shell = await bench.connect(agent, { who: editor })
      await shell.session()
      shell.ws.close(1000)
      await waitUntil('its end', async () => (await sessionsOf(agent)).length === 0)
    }
    expect(await codeOf(await member('viewer'))).toBe(4403)
    expect(await codeOf(await person(database, 'stranger'))).toBe(4403)
    await opens()
    const key = await storeKey(database, bench.alice, { apiKey: 'sk-x' })
    await attach(agent, key)
    expect(await codeOf(editor)).toBe(4403)
    await database.asSuperuser('update nora.credentials set shared_with_workspace = true where id = $1', [
      key,
    ])
    await opens()
    await database.asSuperuser('update nora.credentials set shared_with_workspace = false where id = $1', [
      key,
    ])
    // Detached, and not yet taken back.
    await database.asSuperuser('delete from nora.agent_credentials where agent_id = $1', [agent.agentId])
    await database.asSuperuser(
      `insert into nora.given_secrets (workspace_id, agent_id, credential_id, secret_version, owner_id, kind, provider, destination_hosts, key_version, sealed)
       select workspace_id, $1, id, 1, owner_id, kind, provider, '{}', 1, sealed from nora.credentials where id = $2`,
      [agent.agentId, key],
    )
    expect(await codeOf(editor)).toBe(4403)
    await database.asSuperuser('update nora.given_secrets set superseded_at = now() where agent_id = $1', [
      agent.agentId,
    ])
    await opens()
  })

  const ends: [string, (who: Person, agent: Agent) => Promise<unknown>][] = [
    [
      'sign-out',
      (who) =>
        database.asSuperuser('update nora.sessions set revoked_at = now() where user_id = $1', [who.userId]),
    ],
    [
      'removal',
      (who) =>
        database.asSuperuser('delete from nora.memberships where user_id = $1 and workspace_id = $2', [
          who.userId,
          bench.alice.workspaceId,
        ]),
    ],
    [
      'being made a viewer',
      (who) =>
        database.asSuperuser(
          `update nora.memberships set role = 'viewer' where user_id = $1 and workspace_id = $2`,
          [who.userId, bench.alice.workspaceId],
        ),
    ],
    [
      'a disabled account',
      (who) => database.asSuperuser('update nora.users set disabled_at = now() where id = $1', [who.userId]),
    ],
    [
      'a key of somebody else’s',
      async (_, agent) => attach(agent, await storeKey(database, bench.alice, { apiKey: 'sk-x' })),
    ],
  ]
  test.each(ends)(
    '%s ends what is open within five seconds, watched or not, with all that runs in it',
    async (_, act) => {
      const agent = await bench.agent()
      const who = await member('editor')
      const [shell, dropped] = [await bench.connect(agent, { who }), await bench.connect(agent, { who })]
      for (const one of [shell, dropped]) {
        await one.session()
        one.type('(trap "" HUP; sleep 777) &\n')
      }
      const sleepers = async () => (await bench.programs(agent)).filter((name) => name === 'sleep 777')
      await waitUntil('both', async () => (await sleepers()).length === 2)
      dropped.ws.terminate()
      const over = async () => {
        await act(who, agent)
        expect((await shell.closed).code).toBe(4403)
        await left(agent)
      }
      expect(await ownMs(over, () => bench.programs(agent))).toBeLessThan(5_000)
      await waitUntil('the audit', async () => {
        const ended = (await bench.audit(agent.agentId)).filter((row) => row.type === 'EXEC_ENDED')
        return ended.length === 2 && ended.every((row) => row.details['how'] === 'revoked')
      })
    },
  )
})

describe('whoever has a passkey', () => {
  const apiProof = randomBytes(32)
  const from = { ip: null, correlationId: 'test' }
  let counter = 100

  async function enrolled(): Promise<{ who: Person; device: Authenticator }> {
    const who = await member('editor')
    const device = authenticator()
    await enrolApi(database.app, apiProof)
    await database.asSuperuser(
      `update nora.sessions set stepped_up_until = now() + interval '5 minutes' where id = $1`,
      [who.sessionId],
    )
    const passkey = {
      ...{ credentialId: Buffer.from(device.id, 'base64url'), publicKey: device.publicKey, counter: 0 },
      ...{ transports: [], label: 'Key', backedUp: false },
    }
    await withActor(database.app, who.actor, (tx) => addPasskey(tx, who.actor, apiProof, passkey, from))
    return { who, device }
  }
  /** Stores a word as the api does; `signed` is what the authenticator was really asked. */
  async function word(
    who: Person,
    device: Authenticator,
    targetId: string,
    signed: { targetId?: string } = {},
  ) {
    const claim = { action: 'agent:exec' as const, targetId, userId: who.userId, nonce: randomBytes(32) }
    const assertion = device.assert({ challenge: actionChallenge({ ...claim, ...signed }) })
    const { action, nonce } = claim
    await withActor(database.app, who.actor, async (tx) => {
      const [passkey] = await myPasskeys(tx)
      const kept = { action, targetId, nonce, passkeyId: passkey!.id, counter: counter++, assertion }
      await keepWord(tx, who.actor, apiProof, kept, from)
    })
  }

  test('gives its word for each terminal anew; without one, with a forged or an old one there is none', async () => {
    const agent = await bench.agent()
    const { who, device } = await enrolled()
    const refused = { code: 4403, reason: 'passkey-confirmation-required' }
    const closing = async () => (await bench.connect(agent, { who })).closed
    expect(await closing()).toEqual(refused)
    await word(who, device, agent.agentId, { targetId: randomUUID() })
    expect(await closing()).toEqual(refused)
    await word(who, authenticator(), agent.agentId)
    expect(await closing()).toEqual(refused)
    await word(who, device, agent.agentId)
    await database.asSuperuser(
      `update nora.action_assertions set created_at = now() - interval '301 seconds'`,
    )
    expect(await closing()).toEqual(refused)
    expect(await sessionsOf(agent)).toEqual([])
    const told = (await bench.audit(agent.agentId)).filter((row) => row.type === 'PASSKEY_WORD_REFUSED')
    expect(told.map(({ details }) => details['verdict'])).toEqual([
      'missing',
      'invalid',
      'invalid',
      'missing',
    ])

    await word(who, device, agent.agentId)
    const shell = await bench.connect(agent, { who })
    const session = await shell.session()
    expect(await closing()).toEqual(refused)
    // Coming back is no new terminal.
    shell.ws.terminate()
    expect(await (await bench.connect(agent, { who, session })).session()).toBe(session)
  })

  test('keeps a word that opened nothing', async () => {
    const agent = await bench.agent()
    const { who, device } = await enrolled()
    const others = [await bench.connect(agent), await bench.connect(agent)]
    for (const other of others) await other.session()
    await word(who, device, agent.agentId)
    expect((await (await bench.connect(agent, { who })).closed).code).toBe(4429)
    others[0]!.ws.close(1000)
    await waitUntil('a place', async () => (await sessionsOf(agent)).length === 1)
    await (await bench.connect(agent, { who })).session()
  })
})
