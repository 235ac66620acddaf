import { randomBytes } from 'node:crypto'
import { type Installation, readInstallation } from '../installation.ts'
import { type Layout, setupCommand } from '../layout.ts'
import { type DemoRecord, signIn, writeRecord } from './account.ts'
import { ask, removeAgent, untilState } from './agent.ts'
import { type ApiClient, apiClient } from './client.ts'
import { followLogs } from './logs.ts'
import { openConsole } from './pages.ts'
import { proofOf, type StandInProvider, startProvider } from './provider.ts'
import { lendSettings, runs } from './stack.ts'

export type DemoOptions = {
  layout: Layout
  /** Leaves agent and key; what the demo made is removed otherwise. */
  keep: boolean
  /** A real key to use instead of the stand-in provider. */
  real: { apiKey: string; baseUrl: string; model: string } | undefined
  account: { email: string; password: string } | undefined
  say(line: string): void
  write(text: string): void
  signal: AbortSignal
}

/**
 * The main job once, through the public API alone: claim, provider key, agent in a container, key sync, an answer
 * through the gateway, log lines over the WebSocket. Throws with the api's words when a step fails; removes what it
 * made either way. Running it again works, also after one that was killed.
 */
export async function demo(options: DemoOptions): Promise<void> {
  const { layout, signal } = options
  const say = (line: string) => options.say(`    ${line}`)
  const step = (line: string) => options.say(`\n--> ${line}`)
  const installation = await readInstallation(layout)
  const api = apiClient(installation.localUrl, signal)
  if (!(await runs(installation, signal))) {
    throw new Error(`it does not run: start it with ${setupCommand(layout)}`)
  }

  step('claim or sign in')
  const record = await signIn(api, installation, options.account, say)
  await cleanUp(api, installation, record, signal)

  const apiKey = options.real?.apiKey ?? `demo-${randomBytes(24).toString('hex')}`
  const provider = options.real ? undefined : await startProvider(apiKey, installation.engineSocket)
  // Cleaning up goes on when the demo itself was interrupted.
  const lastWish = AbortSignal.timeout(600_000)
  const cleaning = (used: ApiClient) => {
    const fresh = apiClient(used.url, lastWish)
    fresh.signIn(used.token() ?? '')
    return fresh
  }
  try {
    if (provider) {
      step(`a stand-in provider on ${provider.host}`)
      // A private plain-http destination has to be the operator's wish: here it is, for this demo.
      await lendSettings(installation, { NORA_PROVIDER_ALLOW_HOSTS: provider.host }, signal)
      say('allowed for this demo as a private destination (NORA_PROVIDER_ALLOW_HOSTS), and by the host guard')
    }
    const target = {
      baseUrl: provider?.baseUrl ?? options.real?.baseUrl ?? '',
      model: options.real?.model ?? 'stand-in',
    }
    await mainJob({ ...options, say, step }, { api, installation, record, apiKey, provider, ...target })
    step('the console')
    await openConsole(installation.localUrl, signal)
    say(`opens at ${installation.localUrl}; sign in with ${record.email}`)
    if (options.keep) {
      await writeRecord(installation, { ...record, agents: [], keys: [] })
      say(provider ? 'kept; the stand-in provider ends now, so the agent cannot answer any more' : 'kept')
    }
  } finally {
    if (!options.keep) {
      step('clean up: what the demo made, and nothing else')
      await cleanUp(cleaning(api), installation, record, lastWish)
    }
    await provider?.close()
    if (provider) await lendSettings(installation, {}, lastWish)
  }
}

type Job = {
  api: ApiClient
  installation: Installation
  record: DemoRecord
  apiKey: string
  provider: StandInProvider | undefined
  baseUrl: string
  model: string
}

async function mainJob(
  run: Pick<DemoOptions, 'say' | 'write' | 'signal'> & { step(line: string): void },
  { api, installation, record, apiKey, provider, baseUrl, model }: Job,
): Promise<void> {
  const { say, step, signal } = run
  step('store a provider key (sealed at once; nobody can read it back)')
  const { body: key } = await api.call('POST', 'llm-providers', {
    body: { provider: 'openai-compatible', label: 'Demo', secret: { apiKey }, baseUrl },
    expect: [201],
  })
  const keyId = String(key['id'])
  record.keys.push(keyId)
  await writeRecord(installation, record)
  say(`key ${keyId}   fingerprint ${key['fingerprint']}`)

  step('deploy an agent with it')
  const { body: agent } = await api.call('POST', 'agents', {
    body: { name: `demo-${randomBytes(3).toString('hex')}`, runtime: 'starter', providerKeyIds: [keyId] },
    expect: [202],
  })
  const agentId = String(agent['id'])
  record.agents.push(agentId)
  await writeRecord(installation, record)
  say(`agent ${agentId}   ${agent['name']}`)
  await untilState(api, agentId, { state: 'running', deadlineMs: 240_000, say, signal })

  step('its log, over the authenticated WebSocket')
  const logs = await followLogs(api, agentId, (line) => say(`${line.seq}  ${line.stream}  ${line.text}`))
  try {
    if (!(await logs.find(() => true, 60_000))) throw new Error('no log line came within 60 s')

    step('sync the key into the running agent')
    const before = await heldKey(api, agentId)
    await api.call('POST', `agents/${agentId}/sync-keys`, { body: {}, expect: [202] })
    await untilState(api, agentId, { state: 'running', deadlineMs: 180_000, say, signal })
    const held = await heldKey(api, agentId)
    if (!held?.syncedAt || held.syncedAt === before?.syncedAt) throw new Error('the key was not synced')
    say(`the agent holds version ${held.syncedSecretVersion} of the key since ${held.syncedAt}`)

    step('ask the agent: api -> gateway -> container -> provider')
    run.write('    ')
    const text = 'Which key do you hold?'
    const answer = await ask(api, agentId, { model, text }, run.write)
    run.write('\n')
    if (provider && !answer.includes(proofOf(apiKey)))
      throw new Error('the answer did not come through the synced key')
    if (answer.trim() === '') throw new Error('the answer was empty')

    step('the turn in its log, as it streams')
    const turn = await logs.find((line) => line.text.includes('"turn"'), 60_000)
    if (!turn) throw new Error('no log line of the turn came within 20 s')
    if (logs.lines.some((line) => line.text.includes(apiKey))) throw new Error('the key is in the log')
    say(`${logs.lines.length} lines streamed, the key in none of them`)
  } finally {
    logs.close()
  }
}

type HeldKey = { syncedSecretVersion: number; syncedAt: string | null }

async function heldKey(api: ApiClient, agentId: string): Promise<HeldKey | undefined> {
  const { body } = await api.call('GET', `agents/${agentId}`, { expect: [200] })
  return (body['providerKeys'] as HeldKey[])[0]
}

/** Removes what the record says this or an earlier, interrupted demo made. */
async function cleanUp(
  api: ApiClient,
  installation: Installation,
  record: DemoRecord,
  signal: AbortSignal,
): Promise<void> {
  for (const id of [...record.agents]) {
    await removeAgent(api, id, signal)
    record.agents = record.agents.filter((one) => one !== id)
    await writeRecord(installation, record)
  }
  for (const id of [...record.keys]) {
    await api.call('DELETE', `llm-providers/${id}?force=true`, { expect: [200, 202, 204, 404] })
    record.keys = record.keys.filter((one) => one !== id)
    await writeRecord(installation, record)
  }
}
