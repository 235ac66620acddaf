import { away, type Engine } from './engine.ts'
import { label, type Ours, type Role, roleIn } from './policy/ours.ts'
import { postureProblem } from './policy/posture.ts'
import { isObject } from './policy/rules.ts'
import { Refusal } from './refusal.ts'

/** An object of this installation on the engine, by the id that the engine gave it and that no rename changes. */
export type Owned = {
  id: string
  role: Role
  agentId: string | undefined
  found: Record<string, unknown>
  /** What the engine said of it, as it came. */
  bytes: Buffer
}

/** Somebody else's object. */
export class Foreign extends Refusal {
  readonly found: Record<string, unknown>

  constructor(kind: string, found: Record<string, unknown>) {
    super(`This ${kind} is not this installation's.`)
    this.name = 'Foreign'
    this.found = found
  }
}

/** What looks at the engine's objects before anything is done to them. */
export type Owners = {
  /** Ours, in one of these roles. Throws `Refusal`: 404 as the engine says it, 403 for everybody else's. */
  container(name: string, roles: readonly Role[], signal: AbortSignal): Promise<Owned>
  /**
   * The same, for what gives it or its program something to do: one that somebody made by hand with our labels and with
   * rights that ours never have is not handed to the worker.
   */
  postured(name: string, roles: readonly Role[], signal: AbortSignal): Promise<Owned>
  network(name: string, roles: readonly Role[], signal: AbortSignal): Promise<Owned>
  volume(name: string, signal: AbortSignal): Promise<Owned>
  /** Ours and without options, or not there. Throws `Refusal` 403. */
  plainVolume(name: string, signal: AbortSignal): Promise<'there' | 'absent'>
  /** The agent's container that an exec belongs to; also that the exec itself is one that could have been made here. */
  exec(id: string, signal: AbortSignal): Promise<{ id: string; bytes: Buffer }>
  image(reference: string, signal: AbortSignal): Promise<{ id: string; labels: Record<string, unknown> }>
}

/** The names of the volumes that a container mounts. */
function volumesOf(found: Record<string, unknown>): string[] {
  const mounts = isObject(found['HostConfig']) ? found['HostConfig']['Mounts'] : undefined
  return (Array.isArray(mounts) ? mounts : [])
    .filter((mount) => isObject(mount) && mount['Type'] === 'volume')
    .map((mount: { Source?: unknown }) => String(mount.Source))
}

const hexId = /^[0-9a-f]{64}$/
const plainName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/

export function ownersOn(engine: Engine, ours: Ours): Owners {
  const look = async (kind: string, path: string, signal: AbortSignal) => {
    const { status, found, bytes } = await engine.look(path, signal)
    if (status === 404) throw new Refusal(`No such ${kind}.`, 404)
    if (status !== 200 || !isObject(found)) throw away()
    return { found, bytes }
  }
  const requireName = (kind: string, name: string) => {
    if (!plainName.test(name)) throw new Refusal(`That is no name of a ${kind}.`)
  }

  async function container(name: string, roles: readonly Role[], signal: AbortSignal): Promise<Owned> {
    requireName('container', name)
    const seen = await look('container', `/containers/${name}/json`, signal)
    const labels = isObject(seen.found['Config']) ? seen.found['Config']['Labels'] : undefined
    return ownedBy(seen, 'Id', labels, roles, 'container')
  }

  async function postured(name: string, roles: readonly Role[], signal: AbortSignal): Promise<Owned> {
    const owned = await container(name, roles, signal)
    if (postureProblem(ours, owned) !== undefined) {
      // Only now: an engine takes its time to say this of itself.
      const { found: engineFacts } = await look('engine', '/info', signal)
      const problem = postureProblem(ours, owned, engineFacts)
      if (problem !== undefined)
        throw new Refusal(`This container has what none of this installation's has: ${problem}.`)
    }
    // Of the container's own volume only the name is in the container.
    for (const volume of volumesOf(owned.found)) await plainVolume(volume, signal)
    return owned
  }

  async function plainVolume(name: string, signal: AbortSignal): Promise<'there' | 'absent'> {
    try {
      const options = (await volume(name, signal)).found['Options']
      if (!isObject(options) || Object.keys(options).length === 0) return 'there'
      throw new Refusal('The volume has options, which could make it any folder or device of the host.')
    } catch (error) {
      if (error instanceof Refusal && !(error instanceof Foreign) && error.status === 404) return 'absent'
      throw error
    }
  }

  async function network(name: string, roles: readonly Role[], signal: AbortSignal): Promise<Owned> {
    requireName('network', name)
    const seen = await look('network', `/networks/${name}`, signal)
    return ownedBy(seen, 'Id', seen.found['Labels'], roles, 'network')
  }

  async function volume(name: string, signal: AbortSignal): Promise<Owned> {
    requireName('volume', name)
    const seen = await look('volume', `/volumes/${name}`, signal)
    return ownedBy(seen, 'Name', seen.found['Labels'], ['volume'], 'volume')
  }

  function ownedBy(
    { found, bytes }: { found: Record<string, unknown>; bytes: Buffer },
    key: 'Id' | 'Name',
    labels: unknown,
    roles: readonly Role[],
    kind: string,
  ): Owned {
    const role = roleIn(ours, labels)
    const id = found[key]
    if (role === undefined || typeof id !== 'string') throw new Foreign(kind, found)
    if (key === 'Id' && !hexId.test(id)) throw away()
    if (!roles.includes(role)) throw new Refusal(`That is not done to a ${kind} that is a ${role}.`)
    const agentId = (labels as Record<string, unknown>)[label.agent]
    return { id, role, agentId: typeof agentId === 'string' ? agentId : undefined, found, bytes }
  }

  return {
    ...{ container, postured, network, volume, plainVolume },
    async exec(id, signal) {
      if (!hexId.test(id)) throw new Refusal('That is no id of an exec.')
      const { found, bytes } = await look('exec instance', `/exec/${id}/json`, signal)
      const process = found['ProcessConfig']
      if (!isObject(process) || process['privileged'] === true) throw new Refusal('This exec is privileged.')
      if (process['user'] !== '10001:10001' && process['user'] !== undefined && process['user'] !== '')
        throw new Refusal('This exec is of another user.')
      await postured(String(found['ContainerID']), ['agent'], signal)
      return { id, bytes }
    },
    async image(reference, signal) {
      const { Id, Config } = (await look('image', `/images/${reference}/json`, signal)).found
      if (typeof Id !== 'string') throw away()
      const labels = isObject(Config) && isObject(Config['Labels']) ? Config['Labels'] : {}
      return { id: Id, labels }
    },
  }
}
