import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type AgentOptions, startAgent } from './agent.ts'

const SECRET = 'canary-5f2c9d1e7b'
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

type Seen = { url: string; authorization: string | undefined; body: Record<string, unknown> }

/** An OpenAI-compatible stand-in on loopback; `respond` decides the answer. */
async function provider(respond: (res: ServerResponse, seen: Seen, req: IncomingMessage) => unknown) {
  const seen: Seen[] = []
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>
    const one = { url: req.url ?? '', authorization: req.headers.authorization, body }
    seen.push(one)
    await respond(res, one, req)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(
    () => server.closeAllConnections(),
    () => server.close(),
  )
  return { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, seen }
}

const plain = (res: ServerResponse) => {
  res.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' })
  const usage = { prompt_tokens: 3, completion_tokens: 5 }
  res.end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: 'hello back' } }], usage }))
}

async function agent(keys: Record<string, unknown>[] | undefined, options: Partial<AgentOptions> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'starter-'))
  cleanups.push(() => rmSync(dir, { recursive: true }))
  const keysFile = join(dir, 'keys.json')
  const write = (text: string) => {
    writeFileSync(`${keysFile}.new`, text, { mode: 0o400 })
    renameSync(`${keysFile}.new`, keysFile)
  }
  if (keys) write(JSON.stringify({ version: 1, keys }))
  const lines: Record<string, unknown>[] = []
  const log: AgentOptions['log'] = (level, msg, fields) => void lines.push({ level, msg, ...fields })
  const running = await startAgent({ host: '127.0.0.1', port: 0, keysFile, name: 'Test', log, ...options })
  cleanups.push(() => running.stop(0))
  const url = `http://127.0.0.1:${running.port}`
  const chat = (body: unknown, signal: AbortSignal = AbortSignal.timeout(60_000)) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    })
  return { ...running, url, chat, lines, write, turns: () => lines.filter((line) => line['msg'] === 'turn') }
}

const key = (baseUrl: string, more = {}) => ({
  id: 'k1',
  provider: 'openai',
  label: 'main',
  baseUrl,
  apiKey: SECRET,
  ...more,
})
const ask = { model: 'm1', messages: [{ role: 'user', content: 'a private question' }] }
const codeOf = async (res: Response) => ((await res.json()) as { error: { code: string } }).error.code
const until = (check: () => boolean) => expect.poll(check, { timeout: 60_000, interval: 10 }).toBe(true)

test('forwards a turn with the synced key and logs tokens, never content or key', async () => {
  const there = await provider(plain)
  const it = await agent([key(there.baseUrl)])
  const res = await it.chat({ ...ask, provider: 'main', temperature: 0 })
  expect(res.status).toBe(200)
  expect(res.headers.get('set-cookie')).toBeNull()
  expect(JSON.stringify(await res.json())).toContain('hello back')
  expect(there.seen[0]).toEqual({
    url: '/v1/chat/completions',
    authorization: `Bearer ${SECRET}`,
    body: { ...ask, temperature: 0 },
  })
  await until(() => it.turns().length === 1)
  expect(it.turns()[0]).toMatchObject({ status: 200, model: 'm1', promptTokens: 3, completionTokens: 5 })
  const logged = JSON.stringify(it.lines)
  for (const hidden of [SECRET, 'private question', 'hello back']) expect(logged).not.toContain(hidden)
})

test('chats with the keys of model providers alone, whatever else it was given', async () => {
  const there = await provider(plain)
  const other = (kind: string) => key(there.baseUrl, { id: kind, kind, label: kind, apiKey: 'not-for-chat' })
  const it = await agent([other('exchange'), other('integration'), key(there.baseUrl, { kind: 'llm' })])
  expect((await it.chat(ask)).status).toBe(200)
  expect(there.seen[0]!.authorization).toBe(`Bearer ${SECRET}`)
  const named = await it.chat({ ...ask, provider: 'exchange' })
  expect(await codeOf(named)).toBe('provider-unknown')
  expect(there.seen).toHaveLength(1)
})

test('streams: the first event arrives before the provider sends the second', async () => {
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const there = await provider(async (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write('data: {"n":1}\n\n')
    await gate
    res.end('data: {"usage":{"prompt_tokens":7,"completion_tokens":9}}\n\ndata: [DONE]\n\n')
  })
  const it = await agent([key(there.baseUrl)])
  const res = await it.chat({ ...ask, stream: true })
  const reader = res.body!.pipeThrough(new TextDecoderStream()).getReader()
  expect((await reader.read()).value).toBe('data: {"n":1}\n\n')
  release()
  let rest = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) rest += part.value
  expect(rest).toContain('[DONE]')
  await until(() => it.turns().length === 1)
  expect(it.turns()[0]).toMatchObject({ stream: true, promptTokens: 7, completionTokens: 9 })
})

test('a caller that leaves ends the call to the provider', async () => {
  let left = false
  const there = await provider((res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' })
    res.write('data: {}\n\n')
    res.on('close', () => {
      left = true
    })
  })
  const it = await agent([key(there.baseUrl)])
  const leave = new AbortController()
  await it.chat({ ...ask, stream: true }, leave.signal)
  leave.abort()
  await until(() => left)
  await until(() => it.turns()[0]?.['status'] === 499)
})

test('without a key it is healthy and says what to do', async () => {
  const it = await agent(undefined)
  const health = await fetch(`${it.url}/healthz`)
  expect(await health.json()).toMatchObject({ status: 'ok', keys: 0 })
  const res = await it.chat(ask)
  expect(res.status).toBe(503)
  const { error } = (await res.json()) as { error: { code: string; message: string } }
  expect(error.code).toBe('no-provider-key')
  expect(error.message).toContain('sync keys')
})

test('reload takes the new keys; a broken file leaves the old ones and is not quoted', async () => {
  const there = await provider(plain)
  const it = await agent([key(there.baseUrl)])
  it.write(JSON.stringify({ version: 2, keys: [key(there.baseUrl, { apiKey: 'second-key' })] }))
  it.reload()
  await it.chat(ask)
  it.write('{"version":3,"keys":[{"apiKey":"third-secret"')
  it.reload()
  await it.chat(ask)
  expect(there.seen.map((one) => one.authorization)).toEqual(['Bearer second-key', 'Bearer second-key'])
  expect(it.lines).toContainEqual({ level: 'info', msg: 'keys loaded', count: 1, version: 2 })
  expect(JSON.stringify(it.lines)).not.toMatch(/third-secret|second-key/)
})

test('chooses by id, label, provider; the first usable key otherwise', async () => {
  const there = await provider(plain)
  const it = await agent([
    { id: 'k0', provider: 'github', label: 'gh', token: 'x' },
    key(there.baseUrl),
    key(there.baseUrl, { id: 'k2', provider: 'groq', label: 'fast', apiKey: 'groq-key', model: 'llama' }),
  ])
  await it.chat(ask)
  for (const provider of ['k2', 'fast', 'groq']) await it.chat({ ...ask, model: undefined, provider })
  expect(there.seen.map((one) => [one.authorization, one.body['model']])).toEqual([
    [`Bearer ${SECRET}`, 'm1'],
    ...Array(3).fill(['Bearer groq-key', 'llama']),
  ])
  expect(await codeOf(await it.chat({ ...ask, provider: 'nobody' }))).toBe('provider-unknown')
  expect(await codeOf(await it.chat({ ...ask, model: undefined }))).toBe('model-required')
})

test.each([
  [401, 502, 'provider-refused-key'],
  [429, 429, 'provider-refused'],
  [500, 502, 'provider-failed'],
  [302, 502, 'provider-failed'],
])('a provider that answers %i gives %i %s, without the key it quotes', async (status, ours, code) => {
  const there = await provider((res) => {
    const error = { message: `bad key ${SECRET}` }
    res.writeHead(status, { 'content-type': 'application/json', location: 'http://127.0.0.1:9/' })
    res.end(JSON.stringify({ error }))
  })
  const it = await agent([key(there.baseUrl)])
  const res = await it.chat(ask)
  const text = await res.text()
  expect([res.status, JSON.parse(text).error.code]).toEqual([ours, code])
  expect(text).not.toContain(SECRET)
  expect(there.seen).toHaveLength(1)
})

test('deadlines and limits answer instead of hanging', async () => {
  const silent = await provider(() => {})
  const limits = { totalMs: 150, bodyBytes: 1000 }
  const it = await agent([key(silent.baseUrl)], { limits })
  expect(await codeOf(await it.chat(ask))).toBe('turn-timeout')
  const patient = await agent([key('http://127.0.0.1:1/v1')])
  expect(await codeOf(await patient.chat(ask))).toBe('provider-unreachable')
  expect(await codeOf(await it.chat({ ...ask, more: 'x'.repeat(2000) }))).toBe('body-too-large')
  const post = (body: string, type: string) =>
    fetch(`${it.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': type }, body })
  expect(await codeOf(await post('{', 'application/json'))).toBe('json-invalid')
  expect(await codeOf(await post('[]', 'application/json'))).toBe('json-invalid')
  expect(await codeOf(await post('{}', 'text/plain'))).toBe('json-required')
  expect((await fetch(`${it.url}/etc/passwd`)).status).toBe(404)
  expect((await fetch(`${it.url}/healthz`, { method: 'POST' })).status).toBe(405)
})

test('the page shows labels as text', async () => {
  const it = await agent([key('http://127.0.0.1:1', { label: '<img src=x>' })])
  const html = await (await fetch(it.url)).text()
  expect(html).toContain('&lt;img src=x&gt;')
  expect(html).not.toContain(SECRET)
})

test('stop lets an open turn finish', async () => {
  let finish = () => {}
  const there = await provider((res) => {
    finish = () => plain(res)
  })
  const it = await agent([key(there.baseUrl)])
  const turn = it.chat(ask)
  await until(() => there.seen.length === 1)
  const stopped = it.stop(60_000)
  const refused = new Promise((resolve) => request(it.url).on('error', resolve).end())
  await refused
  finish()
  expect((await turn).status).toBe(200)
  await stopped
})
