import { randomBytes } from 'node:crypto'
import { capabilityPublicKey } from '@nora/crypto/capability'
import { derivedPepper } from '@nora/crypto/hub-keys'
import { ownMs } from '@nora/testing/own-time'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { machineOf } from './beside.ts'
import { type Client, signedIn } from './client.ts'
import { type Provider, startProvider } from './provider.ts'
import { stack } from './stack.ts'

// What people, programs and agents notice while the api's own secrets are exchanged: both values first, then the new one alone.

const it = stack()
let alice: Client
let provider: Provider
let agentId: string
let hubKey: string
let idle: string
let container: string

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  provider = await startProvider(it.provider)
  const { body: key } = await alice.post('llm-providers', {
    ...{ provider: 'openai-compatible', label: 'local' },
    baseUrl: `http://${it.provider.host}:${it.provider.port}/v1`,
    secret: { apiKey: 'sk-test-0123456789abcdefghijklmnop-ABCD' },
  })
  agentId = await alice.deploy({ name: 'first', runtime: 'starter', providerKeyIds: [key['id']] })
  await alice.until(agentId, 'running', 120_000)
  expect((await alice.post('auth/step-up', { password: 'correct horse alice battery' })).status).toBe(204)
  const { body: me } = await alice.get<{ personalWorkspaceId: string }>('auth/me')
  const make = async (name: string) =>
    (
      await alice.post<{ key: string }>(`workspaces/${me.personalWorkspaceId}/api-keys`, {
        name,
        scopes: ['agents:read', 'agents:invoke'],
      })
    ).body.key
  ;[hubKey, idle] = [await make('used'), await make('idle')]
  container = await containerOf()
}, 300_000)
afterAll(() => provider?.close())

const chat = async () => {
  const messages = [{ role: 'user', content: 'hi' }]
  const { status, body } = await alice.post(`agents/${agentId}/invoke/v1/chat/completions`, {
    ...{ model: 'test', messages },
  })
  return status === 200 ? 'answered' : `${status} ${body['code']}`
}
const program = async (key: string) =>
  (
    await fetch(`${it.url}/api/agent-hub/me`, {
      headers: { authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(60_000),
    })
  ).status
const me = async () => (await alice.get('auth/me')).status
const whose = async (token: string) =>
  (await fetch(`${it.url}/api/auth/me`, { headers: { authorization: `Bearer ${token}` } })).status

/**
 * Everything that was good before is good. The first seconds after a start a call to an agent may be told to wait: gives how many
 * milliseconds that were, without what the machine stood still.
 */
async function allIsWell(): Promise<number> {
  const refused: string[] = []
  const answered = async () => {
    const status = await chat()
    if (status === 'answered') return true
    refused.push(status)
    throw new Error(`it answers ${status}`)
  }
  const waited = await ownMs(
    () => waitUntil('the agent to answer', answered, { deadlineMs: 120_000, everyMs: 100 }),
    machineOf(it),
  )
  // A gateway that has just been made knows no agent yet; nobody is told that it may not.
  expect(refused.filter((one) => !/^50[23] |^404 agent-not-routed/.test(one))).toEqual([])
  expect([await me(), await program(hubKey), await containerOf()]).toEqual([200, 200, container])
  const lines = await alice.follow(agentId, 0)
  await waitUntil('the log', () => lines.lines().length > 0, { deadlineMs: 90_000 })
  lines.close()
  return waited
}

async function containerOf(): Promise<string> {
  const filters = { label: [`com.nora.agent=${agentId}`, 'com.nora.role=agent'] }
  const [found] = await it.docker.listContainers({ filters })
  return found!.Id
}

async function startAnew(settings: {
  api?: Record<string, string>
  worker?: Record<string, string>
}): Promise<void> {
  Object.assign(it.environments.api, settings.api)
  Object.assign(it.environments.worker, settings.worker)
  if (settings.worker) {
    await it.killWorker()
    await it.startWorker()
  }
  await it.restartApi()
}

test('JWT_SECRET: nobody is signed out, with both and with the new one alone after a refresh', async () => {
  const before = it.environments.api['JWT_SECRET']!
  const after = randomBytes(32).toString('hex')
  const signedBefore = alice.token
  await startAnew({ api: { JWT_SECRET: `${after},${before}` } })
  await allIsWell()
  const fresh = await alice.post<{ accessToken: string }>('auth/login', {
    ...{ email: 'alice@example.test', password: 'correct horse alice battery', transport: 'bearer' },
  })
  await startAnew({ api: { JWT_SECRET: after } })
  // What the secret before has signed is over; what was signed meanwhile goes on.
  expect(await whose(signedBefore)).toBe(401)
  expect(await whose(fresh.body.accessToken)).toBe(200)
  await startAnew({ api: { JWT_SECRET: `${after},${before}` } })
})

test('NORA_CAPABILITY_PRIVATE_KEY: agents answer, logs flow and API keys live, through both and with the new one alone', async () => {
  const before = it.environments.api['NORA_CAPABILITY_PRIVATE_KEY']!
  const seed = randomBytes(32)
  const after = seed.toString('base64url')
  const [own, theirs] = [seed, Buffer.from(before, 'base64url')].map((one) =>
    capabilityPublicKey(one).toString('base64url'),
  )
  // As set-up does it: the pepper stands by itself before the key changes.
  const pepper = derivedPepper(Buffer.from(before, 'base64url')).toString('hex')
  await startAnew({
    api: { NORA_CAPABILITY_PRIVATE_KEY: `${after},${before}`, NORA_API_KEY_PEPPER: pepper },
    worker: { NORA_CAPABILITY_PUBLIC_KEY: `${own},${theirs}` },
  })
  const both = await allIsWell()
  const taken = async () => {
    const rows = await it.database.asSuperuser(
      `select 1 from nora.audit_log where event_type = 'CONFIGURATION_CHANGED' and target_id = 'capability-key'`,
    )
    return rows.length === 1
  }
  await waitUntil('the proof to be taken', taken, { deadlineMs: 90_000 })
  await startAnew({
    api: { NORA_CAPABILITY_PRIVATE_KEY: after },
    worker: { NORA_CAPABILITY_PUBLIC_KEY: own! },
  })
  const alone = await allIsWell()
  process.stdout.write(`calls answered after ${Math.round(both)} ms and ${Math.round(alone)} ms\n`)
  expect(Math.max(both, alone)).toBeLessThan(30_000)
  expect(await it.logOf('api')).not.toContain('api-proof-unknown')
})

test('NORA_API_KEY_PEPPER: a key in use goes on, one that is not used meanwhile stops with the pepper before', async () => {
  const before = it.environments.api['NORA_API_KEY_PEPPER']!
  const after = randomBytes(32).toString('hex')
  await startAnew({ api: { NORA_API_KEY_PEPPER: `${after},${before}` } })
  await allIsWell()
  await startAnew({ api: { NORA_API_KEY_PEPPER: after } })
  await allIsWell()
  expect(await program(idle)).toBe(401)
})

test('ENCRYPTION_KEY put back to one that is gone: the worker refuses to start, and nothing is lost', async () => {
  const before = it.environments.worker['ENCRYPTION_KEY']
  await it.killWorker()
  it.environments.worker['ENCRYPTION_KEY'] = randomBytes(32).toString('hex')
  it.environments.worker['ENCRYPTION_KEYS_PREVIOUS'] = '1:retired'
  await it.startWorker()
  const [code] = (await new Promise<unknown[]>((resolve) =>
    it.worker.once('exit', (...end) => resolve(end)),
  )) as number[]
  expect(code).toBe(78)
  // Its last words may still be on their way into the file.
  await waitUntil('what to do', async () =>
    (await it.logOf('worker')).includes('put <version>:<key> back into ENCRYPTION_KEYS_PREVIOUS'),
  )
  it.environments.worker['ENCRYPTION_KEY'] = before
  delete it.environments.worker['ENCRYPTION_KEYS_PREVIOUS']
  await it.startWorker()
  await allIsWell()
})
