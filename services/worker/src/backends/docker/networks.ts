import type Docker from 'dockerode'
import ipaddr from 'ipaddr.js'
import { BackendError, type Observed, type Target } from '../backend.ts'
import { dial, type Engine } from './engine.ts'
import { engineWords } from './errors.ts'
import { bridgeName, isOurs, label, type Owner, objectNames, ownerLabels } from './names.ts'

type Inspected = Docker.NetworkInspectInfo

// Creations under way, by engine and name. The engine goes on with one whose caller has left: whoever looks for the
// network next waits for it, or a network would appear behind the back of a removal.
const creations = new WeakMap<Engine, Map<string, Promise<unknown>>>()

/** The agent's network as the engine has it, or undefined. */
async function findNetwork(
  engine: Engine,
  name: string,
  signal: AbortSignal,
): Promise<Inspected | undefined> {
  const creation = creations.get(engine)?.get(name)
  if (creation) await engine.call(`creating network ${name}`, signal, () => creation)
  return engine.call(
    `looking for network ${name}`,
    signal,
    (abortSignal) => dial<Inspected>(engine, { path: `/networks/${name}` }, abortSignal),
    { ignore: [404] },
  )
}

export type ObservedNetwork = { state: Observed['network']; id: string | undefined }

/** Whether the agent's network is there, wrong in what it must be, or somebody else's; and its id. */
export async function observeNetwork(
  engine: Engine,
  target: Target,
  signal: AbortSignal,
): Promise<ObservedNetwork> {
  const found = await findNetwork(engine, objectNames(target.installation, target.agentId).network, signal)
  if (!found) return { state: 'absent', id: undefined }
  if (!isOurs(found.Labels, target, 'network'))
    return { state: { foreign: `${found.Name}, ${found.Id.slice(0, 12)}` }, id: found.Id }
  return { state: isRight(found, target) ? 'present' : 'wrong', id: found.Id }
}

function isRight(network: Inspected, target: Target): boolean {
  const config = network.IPAM?.Config?.[0]
  return (
    network.Driver === 'bridge' &&
    network.Internal === false &&
    config?.['Subnet'] === target.network.subnet &&
    config['Gateway'] === target.network.bridge
  )
}

/**
 * Makes the agent's own bridge network with the target's explicit addresses; adopts the one that is there.
 * `name-taken`: somebody else's network has the name. `network-conflict`: the addresses are in use, or our network
 * has others and is to be removed first.
 */
export async function ensureNetwork(engine: Engine, target: Target, signal: AbortSignal): Promise<void> {
  const names = objectNames(target.installation, target.agentId)
  const creation = createNetwork(engine, target)
  noteCreation(engine, names.network, creation)
  const created = await engine
    .call(`creating network ${names.network}`, signal, () => creation)
    .catch(async (error) => {
      if (!(error instanceof BackendError && error.code === 'network-conflict')) throw error
      throw await conflict(engine, target, error, signal)
    })
  if (created) return
  const { state } = await observeNetwork(engine, target, signal)
  if (state === 'present') return
  if (typeof state === 'object') throw networkTaken(names.network)
  const message = `The network ${names.network} has other addresses than planned and is to be made again.`
  throw new BackendError('network-conflict', message, { retry: true })
}

function noteCreation(engine: Engine, name: string, creation: Promise<unknown>): void {
  const mine = creations.get(engine) ?? new Map<string, Promise<unknown>>()
  creations.set(engine, mine)
  const over = creation
    .catch(() => undefined) // the one who asked hears of it
    .finally(() => {
      if (mine.get(name) === over) mine.delete(name)
    })
  mine.set(name, over)
}

/** Undefined when a network of this name is there already. Bounded by its own deadline alone. */
function createNetwork(engine: Engine, target: Target): Promise<Docker.Network | undefined> {
  const names = objectNames(target.installation, target.agentId)
  return engine.call(
    `creating network ${names.network}`,
    new AbortController().signal,
    (abortSignal) =>
      engine.docker.createNetwork({
        Name: names.network,
        CheckDuplicate: true,
        Driver: 'bridge',
        Internal: false,
        Attachable: false,
        EnableIPv6: false,
        IPAM: {
          Driver: 'default',
          Config: [{ Subnet: target.network.subnet, Gateway: target.network.bridge }],
        },
        Options: {
          'com.docker.network.bridge.name': bridgeName(target, target.network.subnet),
          // Should a port ever be published by mistake, then on loopback alone.
          'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
        },
        Labels: ownerLabels(target, 'network'),
        abortSignal,
      }),
    { ignore: [409] },
  )
}

// The engine only says that something overlaps: this says what, and which setting moves us out of its way.
async function conflict(
  engine: Engine,
  target: Target,
  cause: BackendError,
  signal: AbortSignal,
): Promise<BackendError> {
  const { subnet } = target.network
  const networks = await engine.call('looking for the overlapping network', signal, (abortSignal) =>
    engine.docker.listNetworks({ abortSignal } as Docker.NetworkListOptions),
  )
  const other = networks.find((one) =>
    (one.IPAM?.Config ?? []).some((config) => config.Subnet && overlaps(config.Subnet, subnet)),
  )
  // Two creations of one network at once, the first by a worker that is gone: the engine may refuse the second for its
  // addresses before it looks at its name. Not listed yet, or ours: the next look finds it. One that an engine was killed
  // in the middle of may never be listed, and its addresses are gone for good.
  if (!other || other.Name === objectNames(target.installation, target.agentId).network) {
    const message = `The engine does not give the addresses ${subnet}: ${engineWords(cause.cause)}.`
    return new BackendError(other ? 'network-conflict' : 'addresses-stuck', message, { retry: true, cause })
  }
  if (isLeftOver(other, engine, target)) {
    await engine.call(
      `removing network ${other.Name}`,
      signal,
      (abortSignal) => engine.docker.getNetwork(other.Id).remove({ abortSignal }) as Promise<unknown>,
      { ignore: [404] },
    )
    const message = `Network ${other.Name} of an agent that is gone had the addresses ${subnet}; it was removed.`
    return new BackendError('network-conflict', message, { retry: true, cause })
  }
  const who = `network ${other.Name} has them (\`docker network inspect ${other.Name}\`)`
  const message = `The agent's network cannot have the addresses ${subnet}: ${who}. Remove that network, or set NORA_AGENT_NETWORK_POOL (now ${engine.pool}) to a block that nothing uses.`
  return new BackendError('network-conflict', message, { retry: false, cause })
}

// Addresses belong to one agent at a time, so ours of another agent was left by a worker that died while it made it.
// One that anything is connected to the engine itself does not remove.
const isLeftOver = ({ Labels: labels }: Inspected, { installation }: Engine, { agentId }: Target) =>
  labels?.[label.installation] === installation &&
  labels[label.role] === 'network' &&
  labels[label.agent] !== agentId

function overlaps(one: string, other: string): boolean {
  if (!ipaddr.IPv4.isValidCIDR(one)) return false
  const [a, b] = [ipaddr.IPv4.parseCIDR(one), ipaddr.IPv4.parseCIDR(other)]
  return a[1] < b[1] ? b[0].match(a) : a[0].match(b)
}

const networkTaken = (name: string) =>
  new BackendError(
    'name-taken',
    `A network named ${name} exists that Nora did not make. It is left alone: remove it with \`docker network rm ${name}\`, then start the agent again.`,
    { retry: false },
  )

/**
 * Removes the agent's network, detaching our own containers first. Somebody else's network of the name stays and
 * counts as removed; somebody else's container on our network is not touched: `network-conflict` names it.
 */
export async function removeNetwork(engine: Engine, target: Owner, signal: AbortSignal): Promise<void> {
  const { network: name } = objectNames(target.installation, target.agentId)
  const found = await findNetwork(engine, name, signal)
  if (!found || !isOurs(found.Labels, target, 'network')) return
  const network = engine.docker.getNetwork(found.Id)
  for (const [id, endpoint] of Object.entries(found.Containers ?? {})) {
    await requireOwn(engine, id, endpoint.Name, signal)
    await engine.call(
      `detaching ${endpoint.Name} from network ${name}`,
      signal,
      (abortSignal) => network.disconnect({ Container: id, Force: true, abortSignal }),
      { ignore: [404] },
    )
  }
  await engine.call(
    `removing network ${name}`,
    signal,
    (abortSignal) => network.remove({ abortSignal }) as Promise<unknown>,
    { ignore: [404] },
  )
}

async function requireOwn(engine: Engine, id: string, name: string, signal: AbortSignal): Promise<void> {
  const container = await engine.call(
    `looking at container ${name}`,
    signal,
    (abortSignal) => engine.docker.getContainer(id).inspect({ abortSignal }),
    { ignore: [404] },
  )
  if (!container || container.Config.Labels?.[label.installation] === engine.installation) return
  const message = `Container ${name}, which is not Nora's, is connected to this agent's network. Disconnect it, then try again.`
  throw new BackendError('network-conflict', message, { retry: false })
}
