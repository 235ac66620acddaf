import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { engineCall } from '@nora/embedded/engine-call'
import { removeAccounts } from './accounts.ts'
import { removeStack } from './compose/look-after.ts'
import { stopInstallation } from './either.ts'
import { stopLeftEngine } from './engine-part.ts'
import { removeGuardRules } from './host-guard.ts'
import { type Installation, readInstallation } from './installation.ts'
import type { Layout } from './layout.ts'
import { keysFolder } from './prepare.ts'

type Say = (line: string) => void

/**
 * Removes what this installation made and nothing else: its processes, the Docker objects that carry its label, its
 * run folder and logs. Env files, database and agents' volumes stay unless `purge`. The unit and the code folder are
 * setup.sh's to remove, because this program runs from there.
 */
export async function uninstall(
  layout: Layout,
  options: { purge: boolean; signal: AbortSignal; say: Say },
): Promise<void> {
  const { say, signal, purge } = options
  const installation = await readInstallation(layout)
  // The engine stays up for now: the objects in it have to be removed first.
  if (await stopInstallation(installation, 'pause', signal)) say('stopped')
  await removeDockerObjects(installation, { purge, signal, say })
  if (installation.mode === 'compose') await removeStack(installation, signal, say)
  if (layout.separated) {
    await removeGuardRules(installation, signal).then(
      () => say('removed the rules of the host guard'),
      (error: Error) => say(`could not remove the rules of the host guard: ${error.message}`),
    )
  }
  const engine = await stopLeftEngine(installation)
  if (engine === 'stopped') say('stopped the engine that was started for it')
  if (engine === 'shared') say('the engine goes on: it runs containers that are not ours')
  // Its parent is the run folder, or one in shared memory that bears the installation's id.
  await rm(dirname(await keysFolder(layout, installation.id)), { recursive: true, force: true })
  await rm(layout.run, { recursive: true, force: true })
  await rm(layout.logs, { recursive: true, force: true })
  say(`removed ${layout.run} and ${layout.logs}`)
  if (!purge)
    return say(`kept ${layout.config} (keys) and ${layout.data} (database, volumes); --purge removes them`)
  await rm(layout.config, { recursive: true, force: true })
  await rm(layout.data, { recursive: true, force: true })
  say(`removed ${layout.config} and ${layout.data}`)
  if (layout.system) await removeAccounts(signal)
  if (layout.prefix === undefined && !layout.system)
    await rmdir(join(layout.code, '.nora')).catch(() => undefined)
}

async function removeDockerObjects(
  { engineSocket, id }: Installation,
  { purge, signal, say }: { purge: boolean; signal: AbortSignal; say: Say },
): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.nora.installation=${id}`] }))
  const call = (method: 'GET' | 'DELETE', path: string) =>
    engineCall({ socketPath: engineSocket, method, path, signal, timeoutMs: 60_000 })
  const list = async <T>(path: string) => {
    const answer = await call('GET', `${path}filters=${filters}`)
    return (answer?.status === 200 ? answer.body : []) as T
  }
  const remove = async (kind: string, name: string, path: string) => {
    const answer = await call('DELETE', path)
    const done = answer && (answer.status < 300 || answer.status === 404)
    say(
      done ? `removed ${kind} ${name}` : `could not remove ${kind} ${name}: ${JSON.stringify(answer?.body)}`,
    )
  }
  for (const one of await list<{ Id: string; Names: string[] }[]>('/containers/json?all=1&')) {
    await remove('container', one.Names[0] ?? one.Id, `/containers/${one.Id}?force=1`)
  }
  for (const one of await list<{ Id: string; Name: string }[]>('/networks?')) {
    await remove('network', one.Name, `/networks/${one.Id}`)
  }
  if (!purge) return
  const volumes = await list<{ Volumes?: { Name: string }[] | null }>('/volumes?')
  for (const one of volumes.Volumes ?? []) await remove('volume', one.Name, `/volumes/${one.Name}?force=1`)
}
