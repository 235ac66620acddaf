import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Agent, type Answer, type Client, signedIn } from './client.ts'
import { type Provider, startProvider } from './provider.ts'
import { stack } from './stack.ts'

const it = stack()
const secret = 'sk-test-hub-0123456789abcdefghijklmnop-HUB1'
/** A key may be used 120 times a minute. */
const seldom = { everyMs: 600, deadlineMs: 60_000 }
let alice: Client
let provider: Provider
/** All that the program has. */
let hubKey: string
let providerKeyId: string

beforeAll(async () => {
  alice = await signedIn(it, 'alice')
  provider = await startProvider(it.provider)
})
afterAll(() => provider?.close())

async function hub<T = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer<T>> {
  const response = await fetch(`${it.url}/api/agent-hub/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${hubKey}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    signal: AbortSignal.timeout(60_000),
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  const parsed = text.startsWith('{') ? JSON.parse(text) : { text }
  return { status: response.status, body: parsed as T, headers: response.headers }
}

test('a person stores a provider key and makes a workspace API key, and is not needed again', async () => {
  const stored = await alice.post('llm-providers', {
    provider: 'openai-compatible',
    label: 'local',
    baseUrl: `http://${it.provider.host}:${it.provider.port}/v1`,
    secret: { apiKey: secret },
  })
  expect(stored.status, JSON.stringify(stored.body)).toBe(201)
  const { body: me } = await alice.get<{ personalWorkspaceId: string }>('auth/me')
  const keys = `workspaces/${me.personalWorkspaceId}/api-keys`
  const scopes = ['agents:read', 'agents:write', 'agents:invoke', 'keys:sync', 'logs:read', 'metrics:read']
  expect((await alice.post(keys, { name: 'ci', scopes })).body['code']).toBe('step-up-required')
  expect((await alice.post('auth/step-up', { password: 'correct horse alice battery' })).status).toBe(204)
  const made = await alice.post<{ key: string }>(keys, { name: 'ci', scopes })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  hubKey = made.body.key
  providerKeyId = String(stored.body['id'])
})

test('with that key alone a program creates an agent, syncs keys, calls it, reads its log and what it uses, and deletes it', async () => {
  const created = await hub<Agent>('POST', 'agents', { name: 'by-a-program', runtime: 'starter' })
  expect(created.status, JSON.stringify(created.body)).toBe(202)
  const { id } = created.body
  const idle = (agent: Agent) => !['queued', 'running'].includes(agent.operation?.status ?? '')
  const until = (what: string, holds: (agent: Agent) => boolean, deadlineMs = 120_000) =>
    waitUntil(
      what,
      async () => {
        const { body } = await hub<Agent>('GET', `agents/${id}`)
        if (idle(body) && holds(body)) return body
        throw new Error(`it is ${body.state}: ${body.stateReason}`)
      },
      { ...seldom, deadlineMs },
    )
  await until('the agent to run', ({ state }) => state === 'running')

  const synced = await hub('POST', `agents/${id}/sync-keys`, { providerKeyIds: [providerKeyId] })
  expect(synced.status, JSON.stringify(synced.body)).toBe(202)
  await until('the key to be synced', ({ providerKeys }) => providerKeys[0]?.syncedSecretVersion === 1)

  const chat = (stream: boolean) =>
    hub<{ choices?: { message: { content: string } }[]; text?: string }>(
      'POST',
      `agents/${id}/invoke/v1/chat/completions`,
      {
        ...{ model: 'test', stream, messages: [{ role: 'user', content: 'hi' }] },
      },
    )
  const plain = await waitUntil(
    'an answer with the key',
    async () => {
      const answer = await chat(false)
      return answer.status === 200 ? answer : undefined
    },
    seldom,
  )
  expect(plain.body.choices?.[0]?.message.content).toBe('Hello from key HUB1')
  const streamed = await chat(true)
  expect(streamed.headers.get('content-type')).toContain('text/event-stream')
  expect(streamed.body.text).toContain('HUB1')
  expect(provider.authorizations).toContain(`Bearer ${secret}`)
  expect(provider.authorizations.join()).not.toContain('nora_hub')

  type Page = { items: { text?: string }[] }
  const lines = await waitUntil(
    'a line about a turn',
    async () => {
      const { body } = await hub<Page>('GET', `agents/${id}/logs`)
      return body.items.some(({ text }) => text?.includes('turn')) ? body.items : undefined
    },
    seldom,
  )
  expect(JSON.stringify(lines)).not.toContain('nora_hub')

  type Used = { items: { memoryBytes: number; memoryLimitBytes: number }[]; step: number }
  const used = await waitUntil(
    'a sample of what it uses',
    async () => {
      const { body } = await hub<Used>('GET', `agents/${id}/metrics`)
      return body.items.at(-1)
    },
    seldom,
  )
  expect(used.memoryBytes).toBeGreaterThan(1_000_000)
  expect(used.memoryBytes).toBeLessThan(used.memoryLimitBytes)

  expect((await hub('DELETE', `agents/${id}`)).status).toBe(202)
  await waitUntil(
    'the agent to be gone',
    async () => (await hub('GET', `agents/${id}`)).status === 404,
    seldom,
  )
})

test('the key opens nothing else', async () => {
  for (const path of ['llm-providers', 'auth/me', 'workspaces', 'agents', 'audit']) {
    const answer = await fetch(`${it.url}/api/${path}`, { headers: { authorization: `Bearer ${hubKey}` } })
    expect(answer.status, path).toBe(401)
  }
})
