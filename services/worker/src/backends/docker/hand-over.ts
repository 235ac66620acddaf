import type Docker from 'dockerode'
import type { Target } from '../backend.ts'
import { createContainer, type Engine, pause } from './engine.ts'
import { engineStatus } from './errors.ts'
import { silencedLabels } from './image-labels.ts'
import { requireImage } from './images.ts'
import { isOurs, type Owner, objectNames, ownerLabels } from './names.ts'
import { type TarEntry, tarArchive } from './tar.ts'

export type HandOver = {
  /** The one thing mounted into the helper, writable. */
  mount: { Type: 'bind' | 'volume'; Source: string; Target: string }
  /** Where in the helper the entries are unpacked. */
  extractAt: string
  entries: TarEntry[]
}

/**
 * Writes files and folders with an owner that this process may not give (it is not root): the engine unpacks an
 * archive with the owners it names into a container that is created and never started. Nothing of the image runs,
 * and the archive goes from this process's memory to the mounted storage without touching a disk in between.
 */
export async function handOver(
  engine: Engine,
  target: Target,
  what: HandOver,
  signal: AbortSignal,
): Promise<void> {
  const { handOver: name } = objectNames(target.installation, target.agentId)
  const archive = tarArchive(what.entries)
  try {
    await removeHandOver(engine, target, signal)
    const image = await requireImage(engine, target, signal)
    const helper = await engine.call('preparing to hand files to the agent', signal, (abortSignal) =>
      createContainer(
        engine.docker,
        {
          name,
          Image: image.id,
          Entrypoint: ['/nothing-runs-here'],
          Cmd: [],
          User: '65534:65534',
          Labels: { ...silencedLabels(image.labels), ...ownerLabels(target, 'hand-over') },
          HostConfig: {
            NetworkMode: 'none',
            CapDrop: ['ALL'],
            SecurityOpt: ['no-new-privileges:true'],
            Mounts: [{ ...what.mount, ReadOnly: false } as Docker.MountSettings],
          },
        },
        abortSignal,
      ),
    )
    await engine.call('handing files to the agent', signal, (abortSignal) =>
      engine.docker.getContainer(helper.id).putArchive(archive, { path: what.extractAt, abortSignal }),
    )
  } finally {
    archive.fill(0)
    // Also after an abort: a helper left behind would keep the volume in use.
    await removeHandOver(engine, target, AbortSignal.timeout(10_000)).catch((error) =>
      engine.log.warn(
        { err: error, agentId: target.agentId },
        'a hand-over container stays until the next one',
      ),
    )
  }
}

/** Removes the helper that a killed worker may have left. */
export async function removeHandOver(engine: Engine, target: Owner, signal: AbortSignal): Promise<void> {
  const { handOver: name } = objectNames(target.installation, target.agentId)
  const found = await engine.call(
    'looking for an earlier hand-over',
    signal,
    (abortSignal) => engine.docker.getContainer(name).inspect({ abortSignal }),
    { ignore: [404] },
  )
  if (!found || !isOurs(found.Config.Labels, target, 'hand-over')) return
  await removeById(engine, found.Id, signal)
}

/** Removes a container and its anonymous volumes, whatever it is doing, and waits until it is gone. */
export async function removeById(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(60_000)])
  for (;;) {
    try {
      await engine.call(
        'removing the container',
        bounded,
        (abortSignal) => engine.docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
        { ignore: [404] },
      )
      return
    } catch (error) {
      if (engineStatus(error) !== 409) throw error // 409: its removal is already under way
      await pause(100, bounded)
    }
  }
}
