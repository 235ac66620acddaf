import { finished } from 'node:stream/promises'
import type { ReloadAction } from '@nora/runtimes/runtime'
import { BackendError, type ObservedContainer, type Target } from '../backend.ts'
import { containerSpec, stopSeconds } from './container-spec.ts'
import type { Disks } from './disks.ts'
import { createContainer, type Engine, pause } from './engine.ts'
import { removeById, removeHandOver } from './hand-over.ts'
import { requireImage } from './images.ts'
import { ensureKeyFolder } from './key-files.ts'
import { isOurs, label, objectNames } from './names.ts'
import { findContainer, nameOf, statusOf } from './observe.ts'
import { prepareStorage } from './storage.ts'

export type ContainerDeps = { engine: Engine; disks: Disks; keysDir: string }

type Adopted = { containerId: string; imageDigest: string; status: ObservedContainer['status'] }

/**
 * Creates the agent's container without starting it, or adopts the one that an earlier try left when it is of the
 * same generation and specification. `name-taken`: a container of this name is not ours; it is left alone.
 */
export async function ensureContainer(
  deps: ContainerDeps,
  target: Target,
  signal: AbortSignal,
): Promise<{ containerId: string; imageDigest: string }> {
  const { engine, disks, keysDir } = deps
  const { container: name } = objectNames(target.installation, target.agentId)
  let adopted = await adopt(engine, target, signal)
  if (!adopted) {
    const [image, keyFolder] = await Promise.all([
      requireImage(engine, target, signal),
      ensureKeyFolder(keysDir, target.agentId),
    ])
    const spec = containerSpec(target, image, keyFolder)
    await prepareStorage(engine, disks, target, 'create', signal)
    const created = await engine.call(
      `creating container ${name}`,
      signal,
      (abortSignal) => createContainer(engine.docker, spec, abortSignal),
      { ignore: [409] },
    )
    adopted = created
      ? { containerId: created.id, imageDigest: image.id, status: 'created' }
      : await adoptSoon(engine, target, signal)
  } else if (adopted.status === 'created') {
    // The try that made it may have died before the volume was given to the agent's user.
    await prepareStorage(engine, disks, target, 'create', signal)
  }
  return { containerId: adopted.containerId, imageDigest: adopted.imageDigest }
}

async function adopt(engine: Engine, target: Target, signal: AbortSignal): Promise<Adopted | undefined> {
  const found = await findContainer(engine, target, signal)
  if (!found) return undefined
  const { Labels: labels } = found.Config
  if (!isOurs(labels, target, 'agent')) throw nameTaken(nameOf(found), found.Id)
  if (labels[label.generation] === String(target.generation) && labels[label.spec] === target.specHash) {
    return { containerId: found.Id, imageDigest: found.Image, status: statusOf(found.State.Status) }
  }
  const message = 'The container of an earlier deploy is still there and is to be removed first.'
  throw new BackendError('engine-error', message, { retry: true })
}

// The engine reserves a name before the container can be found under it, also for a caller that died meanwhile.
async function adoptSoon(engine: Engine, target: Target, signal: AbortSignal): Promise<Adopted> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
  for (;;) {
    const found = await adopt(engine, target, signal)
    if (found) return found
    await pause(100, bounded).catch((error) => {
      if (signal.aborted) throw error
      const message = 'The engine keeps the name of the container taken and shows no container.'
      throw new BackendError('engine-error', message, { retry: true, cause: error })
    })
  }
}

const nameTaken = (name: string, id: string) =>
  new BackendError(
    'name-taken',
    `A container named ${name} (${id.slice(0, 12)}) exists that Nora did not make. It is left alone: rename or remove it (\`docker rename ${name} <other>\`), then start the agent again.`,
    { retry: false },
  )

/** Ours, or undefined when there is none; throws `name-taken` for somebody else's. */
async function ownContainer(engine: Engine, target: Target, signal: AbortSignal) {
  const found = await findContainer(engine, target, signal)
  if (found && !isOurs(found.Config.Labels, target, 'agent')) {
    throw nameTaken(nameOf(found), found.Id)
  }
  return found
}

/** Starts the container; one that runs already is fine. `not-found`: there is none. */
export async function startContainer(
  deps: ContainerDeps,
  target: Target,
  signal: AbortSignal,
): Promise<void> {
  const found = await ownContainer(deps.engine, target, signal)
  if (!found) {
    throw new BackendError('not-found', 'The container of the agent is not there yet.', { retry: true })
  }
  // Memory and loop devices do not survive a restart of the machine; a bind needs its folder to be there.
  await Promise.all([
    ensureKeyFolder(deps.keysDir, target.agentId),
    prepareStorage(deps.engine, deps.disks, target, 'start', signal),
  ])
  await deps.engine.call(
    'starting the container',
    signal,
    (abortSignal) => deps.engine.docker.getContainer(found.Id).start({ abortSignal }),
    { ignore: [304], deadlineMs: 60_000 },
  )
}

/** Gives a renamed container of ours its name back. `name-taken`: somebody else's has it. */
export async function restoreName(engine: Engine, target: Target, signal: AbortSignal): Promise<void> {
  const { container: name } = objectNames(target.installation, target.agentId)
  const found = await ownContainer(engine, target, signal)
  if (!found || nameOf(found) === name) return
  const renamed = await engine.call(
    `giving container ${nameOf(found)} its name back`,
    signal,
    (abortSignal) =>
      engine.docker
        .getContainer(found.Id)
        .rename({ name, abortSignal })
        .then(() => true),
    { ignore: [409] },
  )
  if (renamed) return
  const message = `A container that Nora did not make has the name ${name}, and this agent's has another (${nameOf(found)}). It is left alone: rename or remove it.`
  throw new BackendError('name-taken', message, { retry: false })
}

/** Asks the program to end, kills it after its grace; a container that is not there or not running is fine. */
export async function stopContainer(engine: Engine, target: Target, signal: AbortSignal): Promise<void> {
  const found = await findContainer(engine, target, signal)
  if (!found || !isOurs(found.Config.Labels, target, 'agent')) return
  const container = engine.docker.getContainer(found.Id)
  // A frozen program cannot answer SIGTERM.
  if (found.State.Paused) {
    await engine.call('waking the container', signal, (abortSignal) => container.unpause({ abortSignal }), {
      ignore: [404, 409, 500],
    })
  }
  await engine.call(
    'stopping the container',
    signal,
    (abortSignal) => container.stop({ t: stopSeconds, abortSignal }),
    { ignore: [304, 404], deadlineMs: (stopSeconds + 30) * 1000 },
  )
}

/** Removes the container at once; somebody else's container of the name stays and counts as removed. */
export async function removeContainer(engine: Engine, target: Target, signal: AbortSignal): Promise<void> {
  await removeHandOver(engine, target, signal)
  const found = await findContainer(engine, target, signal)
  if (!found || !isOurs(found.Config.Labels, target, 'agent')) return
  await removeById(engine, found.Id, signal)
}

/**
 * Tells the program that its keys changed, by the runtime's signal or command. `unsupported` when the runtime names
 * none that the engine can do. `not-found`: it does not run.
 */
export async function reloadContainer(
  engine: Engine,
  target: Target,
  signal: AbortSignal,
): Promise<'reloaded' | 'unsupported'> {
  const action: ReloadAction | undefined = target.reload
  if (!action || action.kind === 'http') return 'unsupported'
  const found = await ownContainer(engine, target, signal)
  if (!found?.State.Running) {
    throw new BackendError('not-found', 'The agent does not run, so it cannot reload.', { retry: true })
  }
  const container = engine.docker.getContainer(found.Id)
  if (action.kind === 'signal') {
    await engine.call('signalling the agent', signal, (abortSignal) =>
      container.kill({ signal: action.signal, abortSignal }),
    )
    return 'reloaded'
  }
  const exitCode = await runInside(engine, found.Id, action.argv, signal)
  if (exitCode === 0) return 'reloaded'
  const message = `The reload command of the agent ended with exit code ${exitCode}.`
  throw new BackendError('container-invalid', message, { retry: true })
}

const reloadDeadlineMs = 20_000

async function runInside(engine: Engine, id: string, argv: string[], signal: AbortSignal): Promise<number> {
  const options = { deadlineMs: reloadDeadlineMs }
  return engine.call(
    'running the reload command',
    signal,
    async (abortSignal) => {
      const exec = await engine.docker
        .getContainer(id)
        .exec({ Cmd: argv, AttachStdout: true, AttachStderr: true, abortSignal })
      const output = await exec.start({ hijack: false, stdin: false, abortSignal })
      output.resume() // what it prints is not for us; its end is
      await finished(output, { signal: abortSignal, writable: false })
      const ended = await exec.inspect({ abortSignal })
      if (ended.ExitCode === null) return -1
      return ended.ExitCode
    },
    options,
  )
}
