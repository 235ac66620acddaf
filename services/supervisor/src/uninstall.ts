import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { removeAccounts } from './accounts.ts'
import { removeStack } from './compose/look-after.ts'
import { stopInstallation } from './either.ts'
import { stopLeftEngine } from './engine-part.ts'
import { removeGuardRules } from './host-guard.ts'
import { readInstallation } from './installation.ts'
import type { Layout } from './layout.ts'
import { keysFolder } from './prepare.ts'
import { removeDockerObjects } from './remove-objects.ts'

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
  if (engine === 'unanswered')
    say('the engine goes on: it does not say whether it runs containers that are not ours')
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
