import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, signedIn } from './client.ts'
import { type Provider, startProvider } from './provider.ts'
import { stack } from './stack.ts'

const it = stack()
const firstKey = 'sk-test-first-0123456789abcdefghijklmnop-AAAA'
const secondKey = 'sk-test-second-0123456789abcdefghijklmnop-BBBB'
const patient = { deadlineMs: 90_000 }
let alice: Client
let provider: Provider
let keyId: string
let agentId: string

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
})
afterAll(() => provider?.close())

const chat = (text: string, stream = false) =>
  alice.post<{ choices: { message: { content: string } }[]; text?: string }>(
    `agents/${agentId}/invoke/v1/chat/completions`,
    {
      model: 'test',
      stream,
      messages: [{ role: 'user', content: text }],
    },
  )
const synced = async () => (await alice.agent(agentId)).providerKeys.map((key) => key.syncedSecretVersion)

describe('the main job', () => {
  test('a key is stored and never comes back', async () => {
    const { status, body } = await alice.post('llm-providers', {
      provider: 'openai-compatible',
      label: 'local',
      baseUrl: `http://${it.provider.host}:${it.provider.port}/v1`,
      secret: { apiKey: firstKey },
    })
    expect(status, JSON.stringify(body)).toBe(201)
    expect(body).toMatchObject({ label: 'local', secretVersion: 1, usedBy: [], lastUsedAt: null })
    expect(JSON.stringify(body)).not.toContain('sk-test')
    keyId = String(body['id'])
  })

  test('an agent is deployed into a container, becomes healthy, and has the key', async () => {
    agentId = await alice.deploy({ name: 'first', runtime: 'starter', providerKeyIds: [keyId] })
    const agent = await alice.until(agentId, 'running', 120_000)
    expect(agent.stateReason).not.toBe('')
    expect(await synced()).toEqual([1])
    const { body } = await alice.get(`llm-providers/${keyId}`)
    expect(body['usedBy']).toEqual([agentId])
    expect(body['lastUsedAt']).not.toBeNull()
  })

  test('it answers through the gateway with the synced key, plain and streamed', async () => {
    provider = await startProvider(it.provider)
    const plain = await chat('hi')
    expect(plain.status, JSON.stringify(plain.body)).toBe(200)
    expect(plain.body.choices[0]?.message.content).toBe('Hello from key AAAA')
    const streamed = await chat('hi', true)
    expect(streamed.headers.get('content-type')).toContain('text/event-stream')
    expect(streamed.body.text).toContain('AAAA')
    expect(provider.authorizations).toContain(`Bearer ${firstKey}`)
  })

  test('its log lines arrive on the WebSocket, numbered without a gap, and resume after a drop', async () => {
    const first = await alice.follow(agentId, 0)
    await chat('one more turn')
    await waitUntil(
      'a line about a turn',
      () => first.lines().some((line) => line.text.includes('turn')),
      patient,
    )
    first.close()
    const seqs = first.lines().map((line) => line.seq)
    expect(seqs).toEqual(seqs.map((_, index) => index + 1))
    const last = seqs.at(-1)!
    const again = await alice.follow(agentId, last)
    await chat('and another')
    await waitUntil('a later line', () => again.lines().length > 0, patient)
    again.close()
    expect(again.lines()[0]?.seq).toBe(last + 1)
    const { body } = await alice.get<{ items: { seq: number }[] }>(`agents/${agentId}/logs?after=0&limit=5`)
    expect(body.items[0]?.seq).toBe(1)
  })

  test('replacing the key changes nothing until the sync that is asked for', async () => {
    const replaced = await alice.put(`llm-providers/${keyId}`, { secret: { apiKey: secondKey } })
    expect(replaced.body['secretVersion'], JSON.stringify(replaced.body)).toBe(2)
    expect((await chat('still')).body.choices[0]?.message.content).toBe('Hello from key AAAA')
    expect(await synced()).toEqual([1])
    expect((await alice.post(`agents/${agentId}/sync-keys`)).status).toBe(202)
    await waitUntil('the second version to be synced', async () => (await synced())[0] === 2, {
      deadlineMs: 90_000,
    })
    await waitUntil(
      'an answer with the second key',
      async () => (await chat('now')).body.choices[0]?.message.content === 'Hello from key BBBB',
      patient,
    )
  })

  test('stop, start and restart keep the agent one and whole', async () => {
    await alice.post(`agents/${agentId}/stop`)
    await alice.until(agentId, 'stopped')
    expect((await chat('anybody?')).status).toBe(409)
    await alice.post(`agents/${agentId}/start`)
    await alice.until(agentId, 'running')
    await alice.post(`agents/${agentId}/restart`)
    await alice.until(agentId, 'running')
    expect((await chat('back')).body.choices[0]?.message.content).toBe('Hello from key BBBB')
    expect(await containers()).toHaveLength(1)
  })

  test('a key in use is not deleted unless forced, and then the agent loses it', async () => {
    const refused = await alice.delete(`llm-providers/${keyId}`)
    expect([refused.status, refused.body['code']]).toEqual([409, 'provider-key-in-use'])
    expect((await alice.delete(`llm-providers/${keyId}?force=true`)).status).toBeLessThan(300)
    await waitUntil('the agent to be without a key', async () => (await chat('now?')).status === 503, {
      deadlineMs: 90_000,
    })
  })

  test('delete leaves nothing on the engine', async () => {
    expect((await alice.delete(`agents/${agentId}`)).status).toBe(202)
    await waitUntil(
      'the agent to be gone',
      async () => (await alice.get(`agents/${agentId}`)).status === 404,
      { deadlineMs: 120_000 },
    )
    expect(await containers()).toEqual([])
    const filters = { label: [`com.nora.agent=${agentId}`] }
    expect(await it.docker.listNetworks({ filters })).toEqual([])
    expect((await it.docker.listVolumes({ filters })).Volumes ?? []).toEqual([])
  })
})

const containers = () =>
  it.docker.listContainers({
    all: true,
    filters: { label: [`com.nora.agent=${agentId}`, 'com.nora.role=agent'] },
  })
