import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { credentialAad } from '@nora/crypto/aad'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import { seal } from '@nora/crypto/seal'
import { type Person, person } from '@nora/testing/people'
import { waitUntil } from '@nora/testing/wait-until'
import { beforeAll, expect, test } from 'vitest'
import {
  storeCredentials,
  storedCredentials,
  storeGiven,
} from '../services/worker/src/rotation/testing/sealed-rows.ts'
import { openFields, type Sealed } from '../services/worker/src/secrets/open-secret.ts'
import { storeAgent } from '../services/worker/src/secrets/testing/arrange.ts'
import { type Answer, type Client, signedIn } from './client.ts'
import { stack } from './stack.ts'

// 10 000 secrets of several workspaces are sealed with another key while people and agents go on, and the worker is killed five times.

const it = stack()
const stored = 9_000
const given = 1_000
const kills = 5
/** An agent is given keys at most 120 times in ten minutes: in each of the worker's seven lives less than a seventh of that. */
const syncsPerLife = 15
const marker = 'sk-exchanged-'
let alice: Client
let agentId: string
let attached: string
/** Alice's own records that no agent was given, for her to replace and delete. */
let mine: string[]
/** What every record has to open to, by its id. */
const secrets = new Map<string, string>()
const newer = randomBytes(32)

const secretOf = () => `${marker}${randomBytes(15).toString('hex')}`
const sum = async (text: string, values: unknown[] = []) =>
  Number((await it.database.asSuperuser<{ n: string }>(text, values))[0]!.n)
const older = () =>
  sum(
    `select (select count(*) from nora.credentials where key_version < 2) + (select count(*) from nora.given_secrets where key_version < 2) as n`,
  )

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  attached = await newKey(secretOf())
  agentId = await alice.deploy({ name: 'served', runtime: 'starter', providerKeyIds: [attached] })
  const { body: me } = await alice.get<{ user: { id: string }; personalWorkspaceId: string }>('auth/me')
  const people = [
    { userId: me.user.id, workspaceId: me.personalWorkspaceId } as Person,
    ...(await Promise.all(['bob', 'carol', 'dave'].map((name) => person(it.database, name)))),
  ]
  const { sealKey } = deriveSealing(Buffer.from(it.encryptionKey, 'hex'), 1)
  const records: Sealed[] = []
  for (let n = 0; n < stored; n++) {
    const { workspaceId, userId: ownerId } = people[n % people.length]!
    const place = {
      ...{ id: randomUUID(), workspaceId, ownerId, kind: 'llm' as const, provider: 'openai' },
      ...{ destinationHosts: ['api.openai.com'], keyVersion: 1, secretVersion: 1 },
    }
    const aad = credentialAad({ ...place, table: 'credentials', column: 'sealed', rowId: place.id })
    const secret = secretOf()
    secrets.set(place.id, secret)
    records.push({
      ...place,
      sealed: await seal(sealKey, Buffer.from(JSON.stringify({ apiKey: secret })), aad),
    })
  }
  await storeCredentials(it.database, records)
  mine = records
    .filter((one) => one.ownerId === me.user.id)
    .slice(given / people.length)
    .map((one) => one.id)
  for (const owner of people) {
    const own = records.filter((one) => one.workspaceId === owner.workspaceId).slice(0, given / people.length)
    const holder = await storeAgent(it.database, owner, { desired_state: 'stopped', state: 'stopped' })
    await storeGiven(it.database, holder, own)
  }
  await alice.until(agentId, 'running', 120_000)
}, 400_000)

/**
 * Asks until it is answered: the api is started anew in between, and what got no answer, or 503 of one that ends, may have been done all
 * the same. Only what may be sent twice is asked so.
 */
const answered = <T>(ask: () => Promise<Answer<T>>): Promise<Answer<T>> =>
  waitUntil(
    'an answer',
    async () => {
      const answer = await ask()
      if (answer.status === 503 || answer.status === 409) throw new Error(JSON.stringify(answer.body))
      return answer
    },
    { deadlineMs: 240_000 },
  )

async function newKey(apiKey: string): Promise<string> {
  const asked = { provider: 'openai', label: 'made', secret: { apiKey } }
  const once = randomUUID()
  const { status, body } = await answered(() => alice.post('llm-providers', asked, once))
  if (status !== 201) throw new Error(`a key was not stored: ${status} ${JSON.stringify(body)}`)
  secrets.set(String(body['id']), apiKey)
  return String(body['id'])
}

/** What people do meanwhile, until told to stop; what the api answered is what has to be there at the end. */
function traffic() {
  const done = { reads: 0, made: 0, replaced: 0, deleted: 0, synced: 0 }
  let stopped = false
  let syncsLeft = syncsPerLife
  const on = async (run: () => Promise<void>) => {
    while (!stopped) {
      await run()
      await delay(50)
    }
  }
  const people = [
    on(async () => {
      const read = () => alice.get<{ items?: unknown[] }>('llm-providers?limit=20')
      const { status, body } = await answered(read)
      expect([status, body.items?.length], JSON.stringify(body)).toEqual([200, 20])
      done.reads += 1
    }),
    on(async () => {
      await newKey(secretOf())
      done.made += 1
    }),
    on(async () => {
      if (mine.length < 2) return
      const [id, gone] = [mine.pop()!, mine.pop()!]
      const apiKey = secretOf()
      const replaced = await answered(() => alice.put(`llm-providers/${id}`, { secret: { apiKey } }))
      expect(replaced.status, JSON.stringify(replaced.body)).toBe(200)
      secrets.set(id, apiKey)
      done.replaced += 1
      // 404: it was, by the one whose answer was lost.
      const deleted = await answered(() => alice.delete(`llm-providers/${gone}`))
      expect([204, 404], JSON.stringify(deleted.body)).toContain(deleted.status)
      secrets.delete(gone)
      done.deleted += 1
    }),
    on(async () => {
      if (syncsLeft === 0) return
      syncsLeft -= 1
      const once = randomUUID()
      const { status, body } = await answered(() => alice.post(`agents/${agentId}/sync-keys`, {}, once))
      if (status !== 202) throw new Error(`sync-keys answered ${status} ${JSON.stringify(body)}`)
      await alice.until(agentId, 'running', 300_000)
      done.synced += 1
    }),
  ]
  // Whoever fails is heard at the end.
  for (const one of people) one.catch(() => undefined)
  return {
    done,
    newLife() {
      syncsLeft = syncsPerLife
    },
    async stop() {
      stopped = true
      await Promise.all(people)
    },
  }
}

test('10 000 secrets end under one key, killed five times, while reads, writes and syncs go on, and none is lost', async () => {
  const container = await containerOf()
  const people = traffic()
  const began = performance.now()
  Object.assign(it.environments.worker, {
    ENCRYPTION_KEY: newer.toString('hex'),
    ENCRYPTION_KEYS_PREVIOUS: `1:${it.encryptionKey}`,
  })
  await it.killWorker()
  await it.startWorker()
  people.newLife()
  const all = await older()
  for (let kill = 1; kill <= kills; kill++) {
    const mark = all * (1 - kill / (kills + 1.5))
    await waitUntil(`${Math.round(mark)} to be left`, async () => (await older()) < mark, {
      deadlineMs: 240_000,
      everyMs: 20,
    })
    await delay(randomInt(0, 300))
    await it.killWorker()
    await it.startWorker()
    people.newLife()
    if (kill === 3) {
      // From here on the api seals with the newer key too; until now its writes were of the one before.
      it.environments.api['NORA_SEAL_KEY'] = formatSealKey(deriveSealing(newer, 2).sealKey)
      await it.restartApi()
    }
  }
  await waitUntil('none of the key before to be left', async () => (await older()) === 0, {
    deadlineMs: 300_000,
    everyMs: 100,
  })
  const seconds = (performance.now() - began) / 1000
  // Where the machine is slow an exchange of 10 000 may be over before the second sync is: nobody is kept waiting for good.
  const served = () => Math.min(...Object.values(people.done)) > 1
  await waitUntil('everything to have been done twice', served, { deadlineMs: 240_000 }).finally(people.stop)
  process.stdout.write(
    `${all} records in ${seconds.toFixed(1)} s with ${kills} kills; meanwhile ${JSON.stringify(people.done)}\n`,
  )

  const { openKey } = deriveSealing(newer, 2)
  const keyring = { keys: [openKey], allowPlaintext: false }
  const rows = await storedCredentials(it.database)
  expect(rows.length).toBe(secrets.size)
  expect(new Set(rows.map((row) => row.keyVersion))).toEqual(new Set([2]))
  for (const row of rows) {
    expect((await openFields(keyring, row))['apiKey']?.toString(), row.id).toBe(secrets.get(row.id))
  }
  const copies = await it.database.asSuperuser<Sealed>(
    `select credential_id as id, workspace_id as "workspaceId", owner_id as "ownerId", kind, provider,
       destination_hosts as "destinationHosts", key_version as "keyVersion", secret_version as "secretVersion", sealed
     from nora.given_secrets`,
  )
  expect(copies.length).toBeGreaterThanOrEqual(given)
  for (const copy of copies) {
    expect(copy.keyVersion).toBe(2)
    expect((await openFields(keyring, copy))['apiKey']?.toString()).toMatch(marker)
  }
  // The worker writes down that it is done at its next look.
  const state = () =>
    it.database.asSuperuser<{ target: number; finished: boolean; moved: boolean }>(
      'select target_version as target, finished_at is not null as finished, rate > 0 as moved from nora.key_rotations',
    )
  await waitUntil(
    'the exchange to be written down as done',
    async () => (await state())[0]?.finished === true,
    { deadlineMs: 120_000 },
  )
  expect(await state()).toEqual([{ target: 2, finished: true, moved: true }])
  for (const service of ['api', 'worker'] as const) expect(await it.logOf(service)).not.toContain(marker)
  expect(await containerOf()).toBe(container)
  expect(await sum(`select count(*) as n from nora.audit_log where event_type = 'SECRET_OPEN_FAILED'`)).toBe(
    0,
  )
}, 1_200_000)

async function containerOf(): Promise<string> {
  const filters = { label: [`com.nora.agent=${agentId}`, 'com.nora.role=agent'] }
  const [found] = await it.docker.listContainers({ filters })
  return found!.Id
}
