import { setTimeout as delay } from 'node:timers/promises'
import { type Client, signedIn } from '../e2e/client.ts'
import { type Processes, startProcesses } from '../e2e/processes.ts'
import { type Provider, startProvider } from '../e2e/provider.ts'
import { onlyChild } from './proc.ts'
import type { BenchServices } from './services.ts'

type Database = Awaited<ReturnType<BenchServices['database']>>
type Docker = ReturnType<BenchServices['docker']>

/** The whole of Nora on parts of its own: api and worker as processes, the gateway as the container they made. */
export type BenchStack = Processes & {
  database: Database
  docker: Docker
  /** Signed in as the owner of the server. */
  client: Client
  /** An OpenAI-compatible provider that agents reach, and a stored key for it. */
  standIn: Provider
  keyId: string
  pids: () => Promise<{ api: number; worker: number; gateway: number }>
}

/**
 * Starts it as production runs it (level info, limits out of the way) and closes it with the bench's services.
 * `settings` are more of the api's, `common` of both processes.
 */
export async function benchStack(
  services: Pick<BenchServices, 'database' | 'redis' | 'docker' | 'defer'>,
  more: { settings?: Record<string, string>; common?: Record<string, string> } = {},
): Promise<BenchStack> {
  const database = await services.database()
  const redisUrl = await services.redis()
  const docker = services.docker()
  const it = { database, docker } as BenchStack
  services.defer(async () => it.close?.())
  const common = { NORA_LOG_LEVEL: 'info', ...more.common }
  await startProcesses(it, { database, redisUrl, docker, settings: more.settings ?? {}, common })
  it.client = await signedIn(it, 'owner')
  it.standIn = await startProvider(it.provider)
  services.defer(() => it.standIn.close())
  const key = await it.client.post<{ id: string }>('llm-providers', {
    provider: 'openai-compatible',
    label: 'stand-in',
    baseUrl: it.standIn.baseUrl,
    secret: { apiKey: 'sk-bench-0123456789abcdef0123456789' },
  })
  if (key.status !== 201) throw new Error(`the key was refused: ${key.status} ${JSON.stringify(key.body)}`)
  it.keyId = key.body.id
  it.pids = async () => {
    const gateway = await docker.getContainer(`${it.prefix}-gateway-0`).inspect()
    return { api: it.api.pid!, worker: it.worker.pid!, gateway: await onlyChild(gateway.State.Pid) }
  }
  return it
}

type State = { id: string; state: string; reason: string }

/**
 * Resolves when every one of these agents is `running` and healthy. Asks the database and not the api, every 5 ms: asking
 * must not cost what is measured. Throws when one ends in another state.
 */
export async function untilRunning(it: BenchStack, ids: readonly string[], signal: AbortSignal) {
  for (;;) {
    const rows = await it.database.asSuperuser<State>(
      `select id, state, state_reason as reason from nora.agents where id = any($1) and state <> 'running'`,
      [ids],
    )
    if (rows.length === 0) return
    const failed = rows.find(({ state }) => state === 'error' || state === 'degraded')
    if (failed) throw new Error(`agent ${failed.id} is ${failed.state}: ${failed.reason}`)
    await delay(5, undefined, { signal })
  }
}

/** Deletes these agents and resolves when nothing of them is left. */
export async function removeAgents(it: BenchStack, ids: readonly string[], signal: AbortSignal) {
  for (const id of ids) await it.client.delete(`agents/${id}`)
  for (;;) {
    const rows = await it.database.asSuperuser(
      'select id from nora.agents where id = any($1) and deleted_at is null',
      [ids],
    )
    if (rows.length === 0) return
    await delay(50, undefined, { signal })
  }
}
