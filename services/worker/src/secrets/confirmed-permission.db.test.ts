import { randomBytes, randomUUID } from 'node:crypto'
import { keepWord } from '@nora/db/action-words'
import { withActor } from '@nora/db/actor'
import { enrolApi } from '@nora/db/identities'
import { addPasskey, myPasskeys } from '@nora/db/passkeys'
import { createLogger } from '@nora/log/logger'
import { actionChallenge } from '@nora/passkeys/action-challenge'
import { relyingPartyOf } from '@nora/passkeys/relying-party'
import { authenticator } from '@nora/passkeys/testing/authenticator'
import type { OpenedKey } from '@nora/runtimes/runtime'
import { type Person, person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { beforeAll, expect, test } from 'vitest'
import { deliverKeys } from './deliver-keys.ts'
import { attach, finish, keyring, leased, storeAgent, storeKey, targetOf } from './testing/arrange.ts'

const database = testDatabase()
const apiProof = randomBytes(32)
const from = { ip: null, correlationId: 'test' }
const logged: string[] = []
const log = createLogger({
  service: 'test',
  level: 'info',
  destination: { write: (line) => void logged.push(line) },
})
const relyingParty = relyingPartyOf('http://localhost:8080')
let counter = 0

beforeAll(() => enrolApi(database.app, apiProof))

type Set = { owner: Person; credentialId: string; agentId: string }

async function arranged(): Promise<Set> {
  const owner = await person(database, 'owner')
  const agentId = await storeAgent(database, owner)
  const secret = { apiKey: 'k-1', apiSecret: 's-1' }
  const credentialId = await storeKey(database, owner, secret, {
    ...{ kind: 'exchange', provider: 'binance', hosts: ['api.binance.com'] },
  })
  await attach(database, owner, agentId, credentialId)
  await permit(credentialId, 'trading_enabled')
  return { owner, credentialId, agentId }
}
const permit = (id: string, permission: string) =>
  database.asSuperuser('update nora.credentials set permission = $2 where id = $1', [id, permission])

async function enrol(owner: Person) {
  const device = authenticator()
  await database.asSuperuser(
    `update nora.sessions set stepped_up_until = now() + interval '5 minutes' where id = $1`,
    [owner.sessionId],
  )
  const passkey = {
    ...{ credentialId: Buffer.from(device.id, 'base64url'), publicKey: device.publicKey, counter: 0 },
    ...{ transports: [], label: 'Key', backedUp: false },
  }
  await withActor(database.app, owner.actor, (tx) => addPasskey(tx, owner.actor, apiProof, passkey, from))
  return device
}

/** Gives the passkey's word for a credential; `about` is what the authenticator was really asked. */
async function confirm(owner: Person, device: ReturnType<typeof authenticator>, id: string, about = id) {
  const claim = {
    action: 'exchange:trade',
    targetId: id,
    userId: owner.userId,
    nonce: randomBytes(32),
  } as const
  const assertion = device.assert({ challenge: actionChallenge({ ...claim, targetId: about }) })
  await withActor(database.app, owner.actor, async (tx) => {
    const [passkey] = await myPasskeys(tx)
    const word = { ...claim, assertion, passkeyId: passkey!.id, counter: ++counter }
    await keepWord(tx, owner.actor, apiProof, word, from)
  })
}

/** What the agent is told, as its runtime is given it. */
async function told({ owner, agentId }: Set, party = relyingParty): Promise<string> {
  const actor = await leased(database, owner, { agent: agentId })
  let files = ''
  const backend = {
    writeSecrets: async (_: unknown, given: readonly { name: string; content: Buffer }[]) => {
      files = given.find(({ name }) => name === 'keys.json')!.content.toString()
    },
  }
  try {
    const deps = { db: database.worker, log, keyring, backend, relyingParty: party }
    await deliverKeys(deps, actor, targetOf(owner, agentId), new AbortController().signal)
  } finally {
    await finish(database, actor)
  }
  const keys = JSON.parse(files).keys as OpenedKey[]
  return keys[0]!.permission!
}
const events = (id: string) =>
  database.asSuperuser<{ event_type: string; details: { verdict: string } }>(
    `select event_type, details from nora.audit_log where target_id = $1 and event_type ~ 'PASSKEY_WORD|TRADING' order by seq`,
    [id],
  )

test('without a passkey trading is what its owner enabled by a step-up', async () => {
  const set = await arranged()
  expect(await told(set)).toBe('trading_enabled')
  expect(await events(set.credentialId)).toEqual([])
})

test('with one, an agent trades by the passkey’s word for this credential, and no longer than it is enabled', async () => {
  const set = await arranged()
  const device = await enrol(set.owner)
  expect(await told(set)).toBe('read_only')
  await confirm(set.owner, device, set.credentialId)
  expect(await told(set)).toBe('trading_enabled')
  await permit(set.credentialId, 'read_only')
  expect(await told(set)).toBe('read_only')
  // What an api that has gone bad would do: the old word is spent.
  await permit(set.credentialId, 'trading_enabled')
  expect(await told(set)).toBe('read_only')
})

test('a word for another credential, or none that this worker can check, tells the agent read_only, an alert and the audit', async () => {
  const set = await arranged()
  const device = await enrol(set.owner)
  await confirm(set.owner, device, set.credentialId, randomUUID())
  expect(await told(set)).toBe('read_only')
  await confirm(set.owner, device, set.credentialId)
  expect(await told(set, relyingPartyOf('https://elsewhere.test'))).toBe('read_only')
  const found = await events(set.credentialId)
  expect(found.map(({ event_type }) => event_type)).toEqual([
    ...['PASSKEY_WORD_REFUSED', 'TRADING_WITHHELD'],
    ...['PASSKEY_WORD_REFUSED', 'TRADING_WITHHELD'],
  ])
  expect(found[0]!.details).toMatchObject({ action: 'exchange:trade', verdict: 'invalid' })
  expect(logged.join()).toContain('passkey-word-refused')
})
