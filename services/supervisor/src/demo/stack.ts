import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { runCompose } from '../compose/run-compose.ts'
import { writeComposeFiles } from '../compose/write-files.ts'
import { allowedFile } from '../environments.ts'
import { guardFolder } from '../host-guard.ts'
import type { Installation } from '../installation.ts'
import { replaceFile } from '../rotation/write-env.ts'
import { askSupervisor } from '../status-socket.ts'

/** Whether the installation runs and is ready, in either shape. */
export async function runs({ mode, layout, localUrl }: Installation, signal: AbortSignal): Promise<boolean> {
  if (mode === 'compose') return isReady(localUrl, signal)
  return (await askSupervisor(layout.statusSocket, 'status'))?.ready === true
}

/**
 * Settings for the time being, in `<config>/demo.env`, with which the api starts anew: NORA_PROVIDER_ALLOW_HOSTS and
 * SIGNUP_ENABLED=false count there (environments.ts). None take the last ones away.
 */
export async function lendSettings(
  installation: Installation,
  settings: Partial<Record<'NORA_PROVIDER_ALLOW_HOSTS' | 'SIGNUP_ENABLED', string>>,
  signal: AbortSignal,
): Promise<void> {
  const path = join(installation.layout.config, 'demo.env')
  const host = settings.NORA_PROVIDER_ALLOW_HOSTS
  if (host) await openGuard(installation, host)
  else await closeGuard(installation)
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
  if (lines.length === 0) await rm(path, { force: true })
  else await writeFile(path, lines.join(''), { mode: 0o600 })
  await restartApi(installation, signal)
}

/** Starts the api anew with the settings that now stand in the env files, and waits until it is ready (at most three minutes). */
async function restartApi(installation: Installation, signal: AbortSignal): Promise<void> {
  const { mode, layout, localUrl } = installation
  if (mode === 'compose') {
    await writeComposeFiles(layout, {})
    await runCompose(layout, ['up', '--detach', '--no-deps', 'api'], signal)
  }
  const hasRestarted = mode === 'compose' ? async () => true : await restartEmbedded(layout)
  const deadline = Date.now() + 180_000
  while (Date.now() < deadline) {
    if ((await hasRestarted()) && (await isReady(localUrl, signal))) return
    await delay(250, undefined, { signal })
  }
  throw new Error('the api did not come back within three minutes: read its log')
}

/** The host guard's file of what is allowed besides; undefined where nobody guards. It is read each second. */
function allowFile({ mode, layout }: Installation): string | undefined {
  const folder = mode === 'compose' ? join(layout.data, 'netguard') : guardFolder(layout)
  return folder && join(folder, allowedFile)
}

/** Lets agents reach one address of this host, which the guard closes to them. `host` is <IPv4>:<port>. */
async function openGuard(installation: Installation, host: string): Promise<void> {
  const path = allowFile(installation)
  if (path) await replaceFile(path, `${host}\n`, 0o644)
}

async function closeGuard(installation: Installation): Promise<void> {
  const path = allowFile(installation)
  if (path) await rm(path, { force: true })
}

async function restartEmbedded({ statusSocket }: Installation['layout']): Promise<() => Promise<boolean>> {
  const apiOf = async (command: 'status' | 'restart-api') =>
    (await askSupervisor(statusSocket, command))?.processes.find((one) => one.name === 'api')
  const before = await apiOf('restart-api')
  return async () => {
    const now = await apiOf('status')
    if (now?.state === 'refused') throw new Error('the api refuses its configuration: read its log')
    return now?.state === 'running' && now.pid !== before?.pid
  }
}

const isReady = (localUrl: string, signal: AbortSignal): Promise<boolean> =>
  fetch(`${localUrl}/api/readyz`, { signal: AbortSignal.any([signal, AbortSignal.timeout(20_000)]) }).then(
    (response) => response.ok,
    () => false, // not listening yet
  )
