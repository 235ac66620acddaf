import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ownEnginePid } from '@nora/embedded/engine'
import { removeAccounts } from './accounts.ts'
import { removeStack } from './compose/look-after.ts'
import { stopInstallation } from './either.ts'
import { engineIsGone, outlivedEngine, stopLeftEngine } from './engine-part.ts'
import { removeGuardRules } from './host-guard.ts'
import { type Installation, readInstallation } from './installation.ts'
import { type Layout, setupCommand } from './layout.ts'
import { keysFolder } from './prepare.ts'
import { removeDockerObjects } from './remove-objects.ts'

type Options = { purge: boolean; signal: AbortSignal; say: (line: string) => void }

/**
 * Removes what this installation made and nothing else: its processes, the Docker objects that carry its label, its
 * run folder and logs. Env files, database and agents' volumes stay unless `purge`. The unit and the code folder are
 * setup.sh's to remove, because this program runs from there. Throws, naming the next step, while containers of it may still run: then
 * they keep their guard and their folders, and the same command finishes later.
 */
export async function uninstall(layout: Layout, options: Options): Promise<void> {
  const { say, signal, purge } = options
  const installation = await removeAgents(layout, options)
  if (installation.mode === 'compose') {
    const gone = await removeStack(installation, signal, say).catch(unsaid(options))
    if (!gone) throw await kept(installation, options)
  }
  const engine = await stopLeftEngine(installation)
  if (engine === 'stopped') say('stopped the engine that was started for it')
  if (engine === 'shared') say('the engine goes on: it runs containers that are not ours')
  if (engine === 'unanswered') {
    say('the engine goes on: it does not say whether it runs containers that are not ours')
    throw await kept(installation, options)
  }
  if (layout.separated) {
    await removeGuardRules(installation, signal).then(
      () => say('removed the rules of the host guard'),
      (error: Error) => say(`could not remove the rules of the host guard: ${error.message}`),
    )
  }
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

/**
 * The first step of it: stops the installation and removes the containers and networks of its agents, with `purge` their volumes. Throws
 * when one may still run. Where no engine is left nothing is removed, and that is enough: none of our containers restarts by itself.
 */
export async function removeAgents(layout: Layout, options: Options): Promise<Installation> {
  const installation = await readInstallation(layout)
  // The engine stays up for now: the objects in it have to be removed first.
  const stopping = stopInstallation(installation, 'pause', options.signal)
  // The stack is in the engine, and comes back with it: without an answer none of it can be taken for gone.
  const stopped = await (installation.mode === 'compose' ? stopping.catch(unsaid(options)) : stopping)
  if (stopped === undefined) throw await kept(installation, options)
  if (stopped) options.say('stopped')
  if (await removeDockerObjects(installation, options)) return installation
  if (!(await engineIsGone(installation))) throw await kept(installation, options)
  if (await outlivedEngine(installation)) throw await kept(installation, options)
  return installation
}

const unsaid =
  ({ say }: Options) =>
  (error: Error): undefined => {
    say(`could not stop or remove the stack: ${error.message}`)
    return undefined
  }

/** Agents without their guard could reach this host, private networks and cloud metadata: nothing is taken from under them. */
async function kept(installation: Installation, { purge }: Options): Promise<Error> {
  const { layout, engineSocket, enginePidFile } = installation
  const pid = await ownEnginePid(enginePidFile)
  const again = `then run ${setupCommand(layout)} --uninstall${purge ? ' --purge' : ''} again`
  const step = (await engineIsGone(installation))
    ? `start the engine again, or this machine, ${again}`
    : `end or restart that engine (${pid === undefined ? engineSocket : `pid ${pid}`}), ${again}`
  const rules = layout.separated ? 'the rules of the host guard, ' : ''
  return new Error(
    `containers of this installation may still run: kept ${rules}${layout.run}, ${layout.logs}, ${layout.config} and ${layout.data}\n  fix: ${step}`,
  )
}
