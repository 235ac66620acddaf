import type Docker from 'dockerode'
import { BackendError, type Observed, type Target } from '../backend.ts'
import { numericUser } from './container-spec.ts'
import type { Disks } from './disks.ts'
import type { Engine } from './engine.ts'
import { handOver } from './hand-over.ts'
import { isOurs, type Owner, objectNames, ownerLabels } from './names.ts'

async function findVolume(
  engine: Engine,
  name: string,
  signal: AbortSignal,
): Promise<Docker.VolumeInspectInfo | undefined> {
  return engine.call(
    `looking for volume ${name}`,
    signal,
    (abortSignal) => engine.docker.getVolume(name).inspect({ abortSignal }),
    { ignore: [404] },
  )
}

const isSized = (volume: Docker.VolumeInspectInfo) => volume.Options?.['type'] === 'ext4'

/**
 * Whether the agent's state volume can be mounted now: a sized one whose loop device is gone (the machine restarted)
 * is `absent` until `ensureStorage` attaches it again. Somebody else's volume of the name is `absent` too;
 * `ensureStorage` then says whose it is not.
 */
export async function observeStorage(
  engine: Engine,
  disks: Disks,
  target: Target,
  signal: AbortSignal,
): Promise<Observed['storage']> {
  if (target.statePath === undefined) return 'present'
  const { volume: name } = objectNames(target.installation, target.agentId)
  const found = await findVolume(engine, name, signal)
  if (!found || !isOurs(found.Labels, target, 'volume')) return 'absent'
  if (!isSized(found)) return 'present'
  return (await disks.attached(target.agentId, signal)) ? 'present' : 'absent'
}

/**
 * Makes the state volume of the agent and says whether its size is enforced. A sized disk where this process may
 * attach loop devices, else a plain volume that the agent could fill beyond its limit. A volume keeps its kind.
 * Without a state path there is nothing to write to but memory, and the limit holds by itself.
 * `name-taken`: a volume of this name exists that Nora did not make. `resources-refused`: it would have to shrink.
 */
export async function ensureStorage(
  engine: Engine,
  disks: Disks,
  target: Target,
  signal: AbortSignal,
): Promise<{ diskEnforced: boolean }> {
  if (target.statePath === undefined) return { diskEnforced: true }
  const { volume: name } = objectNames(target.installation, target.agentId)
  const found = await findVolume(engine, name, signal)
  if (found && !isOurs(found.Labels, target, 'volume')) throw volumeTaken(name)
  const sized = found ? isSized(found) : await disks.available(signal)
  if (sized) await ensureDisk(disks, target, signal)
  if (!found)
    await createVolume(engine, target, name, sized ? disks.device(target.agentId) : undefined, signal)
  return { diskEnforced: sized }
}

function ensureDisk(disks: Disks, target: Target, signal: AbortSignal): Promise<void> {
  const disk = { agentId: target.agentId, sizeMb: target.resources.diskMb, ...numericUser(target.user) }
  return disks.ensure(disk, signal)
}

async function createVolume(
  engine: Engine,
  target: Target,
  name: string,
  device: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const options = { type: 'ext4', device: device ?? '', o: 'nosuid,nodev,discard' }
  await engine.call(`creating volume ${name}`, signal, (abortSignal) =>
    engine.docker.createVolume({
      Name: name,
      Driver: 'local',
      Labels: ownerLabels(target, 'volume'),
      ...(device === undefined ? {} : { DriverOpts: options }),
      abortSignal,
    }),
  )
  // The engine answers a creation with the volume that is there, whosever it is.
  const volume = await findVolume(engine, name, signal)
  if (!isOurs(volume?.Labels, target, 'volume')) throw volumeTaken(name)
}

/**
 * What has to be true of the volume before a container uses it. A sized disk is attached at its own device: a stale
 * link could mount another agent's. A plain volume belongs to the agent's user (the engine makes it root's).
 */
export async function prepareStorage(
  engine: Engine,
  disks: Disks,
  target: Target,
  step: 'create' | 'start',
  signal: AbortSignal,
): Promise<void> {
  if (target.statePath === undefined) return
  const { volume: name } = objectNames(target.installation, target.agentId)
  const found = await findVolume(engine, name, signal)
  if (!found) {
    throw new BackendError('not-found', 'The state volume of the agent is not there yet.', { retry: true })
  }
  if (!isOurs(found.Labels, target, 'volume')) throw volumeTaken(name)
  if (isSized(found)) {
    if (step === 'create' || !(await disks.attached(target.agentId, signal))) {
      await ensureDisk(disks, target, signal)
    }
    return
  }
  if (step === 'create') await giveVolume(engine, target, name, signal)
}

function giveVolume(engine: Engine, target: Target, volume: string, signal: AbortSignal): Promise<void> {
  const folder = 'state'
  const entry = { name: folder, folder: true, mode: 0o755, ...numericUser(target.user) }
  const mount = { Type: 'volume' as const, Source: volume, Target: `/${folder}` }
  return handOver(engine, target, { mount, extractAt: '/', entries: [entry] }, signal)
}

/** Deletes the agent's volume and disk, unless its data is to be kept; somebody else's volume stays. */
export async function removeStorage(
  engine: Engine,
  disks: Disks,
  target: Owner & Pick<Target, 'keepData'>,
  signal: AbortSignal,
): Promise<void> {
  if (target.keepData) return
  const { volume: name } = objectNames(target.installation, target.agentId)
  const found = await findVolume(engine, name, signal)
  if (found && isOurs(found.Labels, target, 'volume')) {
    await engine.call(
      `removing volume ${name}`,
      signal,
      (abortSignal) => engine.docker.getVolume(name).remove({ abortSignal }),
      { ignore: [404] },
    )
  }
  if (await disks.exists(target.agentId)) await disks.remove(target.agentId, signal)
}

const volumeTaken = (name: string) =>
  new BackendError(
    'name-taken',
    `A volume named ${name} exists that Nora did not make. It is left alone: remove or copy it (\`docker volume rm ${name}\`), then start the agent again.`,
    { retry: false },
  )
