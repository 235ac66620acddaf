import { randomUUID } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { refusedExitCode } from '@nora/config/boot'
import { ownEnginePid } from '@nora/embedded/engine'
import { loadAccounts } from './accounts.ts'
import { engineUse, keepEngine } from './engine-part.ts'
import { type Installation, readInstallation } from './installation.ts'
import type { Kept } from './keep-running.ts'
import { type Layout, setupCommand } from './layout.ts'
import {
  ConfigurationRefused,
  keepPostgres,
  keepRedis,
  keepService,
  prepareEnvironments,
  runMigrate,
} from './parts.ts'
import { makeFolders } from './prepare.ts'
import { untilReady } from './readiness.ts'
import { rotateLogs } from './rotate-logs.ts'
import { needsPassphrase, withEncryptionKey } from './secrets/open-key.ts'
import { askPassphrase, passphraseQuestion, receivePassphrase } from './secrets/passphrase.ts'
import { askSupervisor, type SupervisorStatus, serveStatus } from './status-socket.ts'

const logLimits = { maxBytes: 10 * 1024 * 1024, keep: 3 }

/**
 * The supervisor: starts engine (where nobody else does), host guard, Postgres, migrate, Redis, worker and api in this order,
 * keeps them running, and stops them in the opposite order on SIGTERM, SIGINT or `stop`. Resolves with the exit code:
 * 78 when a service refuses its configuration, so that an init system does not try again.
 */
export async function up(layout: Layout, options: { passphraseFromStdin?: boolean } = {}): Promise<number> {
  if (await askSupervisor(layout.statusSocket, 'status')) {
    throw new Error(`already running: see \`${setupCommand(layout)} --status\``)
  }
  await makeFolders(layout)
  const installation = await readInstallation(layout)
  const passphrase = await passphraseOf(installation, options)
  const hadEngine = (await ownEnginePid(installation.enginePidFile)) !== undefined
  const logFile = join(layout.logs, 'supervisor.log')
  const say = (line: string) => {
    const stamped = `${new Date().toISOString()} ${line}\n`
    process.stdout.write(stamped)
    appendFileSync(logFile, stamped, { mode: 0o600 })
  }

  const kept: Kept[] = []
  const stopping = new AbortController()
  let keepEngineRunning = false
  const state = {
    ready: false,
    step: 'starting',
    failed: null as string | null,
    blocked: null as string | null,
  }
  let refused = false
  const status = (): SupervisorStatus => ({
    ...{ pid: process.pid, installationId: installation.id, url: installation.publicUrl, ...state },
    processes: kept.map((one) => one.status()),
  })
  const stop = (options: { keepEngine: boolean }) => {
    keepEngineRunning = options.keepEngine
    stopping.abort()
  }
  const restartApi = () => void kept.find((one) => one.status().name === 'api')?.restart()
  const closeSocket = await serveStatus(layout.statusSocket, { status, stop, restartApi })
  process.on('SIGTERM', () => stop({ keepEngine: false }))
  process.on('SIGINT', () => stop({ keepEngine: false }))
  const rotation = setInterval(() => {
    rotateLogs(layout.logs, logLimits).then(
      (names) => {
        for (const name of names) say(`rotated ${name}`)
      },
      (error) => say(`cannot rotate logs: ${error}`),
    )
  }, 30_000)

  const step = (text: string) => {
    state.step = text
    say(text)
  }
  try {
    const blocked = (reason: string | undefined) => {
      state.blocked = reason ?? null
    }
    const run = { say, step, kept, blocked, signal: stopping.signal }
    await startAll(openedOrRefused(installation, passphrase), run)
    state.ready = true
    step(`ready: ${installation.publicUrl}`)
    await aborted(stopping.signal)
  } catch (error) {
    if (!stopping.signal.aborted) {
      // An engine that ran before this failed start has agents that go on.
      keepEngineRunning = hadEngine
      state.failed = error instanceof Error ? error.message : String(error)
      refused = error instanceof ConfigurationRefused
      say(`failed: ${state.failed}`)
      // Whoever waits for us on the socket is to read why.
      await delay(1_500, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  step('stopping')
  for (const one of kept.reverse()) {
    if (one.status().name === 'engine') await stopEngine(one, installation, keepEngineRunning, say)
    else await one.stop()
    if (one.status().state === 'stopped') say(`${one.status().name}: stopped`)
  }
  clearInterval(rotation)
  await closeSocket()
  say('stopped')
  if (!state.failed) return 0
  return refused ? refusedExitCode : 1
}

/** From whoever started us, or from the terminal; undefined where nothing needs one or another source has it. */
async function passphraseOf(
  installation: Installation,
  options: { passphraseFromStdin?: boolean },
): Promise<string | undefined> {
  if (!needsPassphrase(installation.files.worker)) return undefined
  if (options.passphraseFromStdin) return receivePassphrase()
  return process.stdin.isTTY ? askPassphrase(passphraseQuestion) : undefined
}

function openedOrRefused(installation: Installation, passphrase: string | undefined): Installation {
  try {
    return withEncryptionKey(installation, passphrase)
  } catch (error) {
    throw new ConfigurationRefused((error as Error).message)
  }
}

async function startAll(
  installation: Installation,
  run: {
    say(line: string): void
    step(text: string): void
    kept: Kept[]
    blocked(reason: string | undefined): void
    signal: AbortSignal
  },
): Promise<void> {
  const { layout } = installation
  const { say, step, kept, signal } = run
  const instance = randomUUID()
  step('looking for the Docker Engine')
  const engine = await keepEngine(installation, say)
  if (engine) await keep(kept, engine)
  const accounts = layout.separated ? await loadAccounts(installation.engineSocket) : undefined
  const context = { installation, accounts, say }
  const environments = await prepareEnvironments(context)
  signal.throwIfAborted()
  // Before the worker, so that no agent starts on a machine that is open to it.
  if (accounts)
    await keep(
      kept,
      keepService(context, 'netguard', async () => environments.netguard),
    )
  else say('no host guard without root: agents can reach every port of this machine')
  step('starting Postgres and Redis')
  const postgres = keep(kept, keepPostgres(context, environments.migratorPassword))
  const redis = keep(kept, keepRedis(context))
  redis.catch(() => undefined) // awaited below, unless Postgres fails first
  await postgres
  signal.throwIfAborted()
  step('bringing the database up to date')
  await runMigrate(context, environments.migrate)
  await redis
  signal.throwIfAborted()
  step('starting the worker and the api')
  kept.push(keepService(context, 'worker', async () => environments.worker))
  // Read anew at each start: `restart-api` is how a changed setting is taken up.
  const apiEnv = async () => {
    const fresh = await prepareEnvironments({ ...context, installation: await readInstallation(layout) })
    // What Postgres and the worker were started with: an exchange of secrets that has been written down and not begun yet.
    const { DATABASE_URL, NORA_SEAL_KEY, NORA_CAPABILITY_PRIVATE_KEY } = environments.api
    const asStarted = { DATABASE_URL, NORA_SEAL_KEY, NORA_CAPABILITY_PRIVATE_KEY } as Record<string, string>
    return { ...fresh.api, ...asStarted, NORA_INSTANCE: instance }
  }
  kept.push(keepService(context, 'api', apiEnv))
  step('waiting until the api is ready')
  await untilReady({ ...run, installation, instance })
}

/** Listed before it is awaited, so that one which never comes up is stopped with the rest. */
async function keep(kept: Kept[], one: Kept): Promise<void> {
  kept.push(one)
  await one.started
}

async function stopEngine(
  engine: Kept,
  installation: Installation,
  keep: boolean,
  say: (line: string) => void,
): Promise<void> {
  if (keep) return say('engine: left running, and the agents with it')
  // Where no process is, nothing answers and nothing is stopped but the watch over it.
  const use = engine.status().pid === null ? 'ours' : await engineUse(installation)
  if (use === 'shared') return say('engine: left running, it runs containers that are not ours')
  if (use === 'unanswered')
    return say('engine: left running, it does not say whether it runs containers that are not ours')
  await engine.stop()
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
