import type Docker from 'dockerode'
import type { Observed, ObservedContainer, Target } from '../backend.ts'
import type { Disks } from './disks.ts'
import type { Engine } from './engine.ts'
import { findImage } from './images.ts'
import { isOurs, label, type Owner, objectNames, ownerLabels } from './names.ts'
import { observeNetwork } from './networks.ts'
import { observeStorage } from './storage.ts'

/**
 * Looks at what of one agent can matter now: always at its container and network. A container of the target's own
 * specification that runs needs neither image nor storage any more (`present`, unseen), and where there is no container no
 * gateway is missed. Three or four calls to the engine, five with a sized disk, in two turns.
 */
export async function observe(
  engine: Engine,
  disks: Disks,
  target: Target,
  signal: AbortSignal,
): Promise<Observed> {
  const [found, network] = await Promise.all([
    findContainer(engine, target, signal),
    observeNetwork(engine, target, signal),
  ])
  const { [label.generation]: generation, [label.spec]: spec } = found?.Config.Labels ?? {}
  const settled =
    found?.State.Status === 'running' && generation === String(target.generation) && spec === target.specHash
  const [image, storage, attached] = await Promise.all([
    settled || findImage(engine, target.image.reference, signal),
    settled ? ('present' as const) : observeStorage(engine, disks, target, signal),
    found ? gatewayAttached(engine, target, signal) : false,
  ])
  return {
    image: image ? 'present' : 'absent',
    network: network.state,
    storage,
    container: withoutLostNetwork(seenContainer(found, target, attached), network.id),
  }
}

/**
 * A container that is down and belongs to a network that was removed, even if one of the same name came back, can
 * never be started again: the engine remembers the id. It is as good as dead.
 */
function withoutLostNetwork(seen: Seen, networkId: string | undefined): Observed['container'] {
  if (!('found' in seen)) return seen.as
  // Without any endpoint there (somebody disconnected it) it would start on addresses that are not its own.
  const lost = seen.networkId === undefined || (seen.networkId !== '' && seen.networkId !== networkId)
  const isDown = seen.found.status === 'created' || seen.found.status === 'exited'
  return lost && isDown ? { ...seen.found, status: 'dead' } : seen.found
}

/**
 * The agent's container, also one that somebody renamed: labels decide. Else whatever has the agent's name, for the
 * caller to see whose it is.
 */
export async function findContainer(
  engine: Engine,
  target: Owner,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo | undefined> {
  const { container: name } = objectNames(target.installation, target.agentId)
  const inspect = (id: string) =>
    engine.call(
      `looking for container ${name}`,
      signal,
      (abortSignal) => engine.docker.getContainer(id).inspect({ abortSignal }),
      { ignore: [404] },
    )
  const named = await inspect(name)
  if (isOurs(named?.Config.Labels, target, 'agent')) return named
  const wanted = ownerLabels({ ...target, workspaceId: '' }, 'agent')
  const labels = [label.installation, label.agent, label.role].map((key) => `${key}=${wanted[key]}`)
  const [renamed] = await engine.call(`looking for container ${name}`, signal, (abortSignal) =>
    engine.docker.listContainers({ all: true, filters: { label: labels }, abortSignal }),
  )
  return (renamed && (await inspect(renamed.Id))) ?? named
}

/** The engine's name of a container without its slash. */
export const nameOf = (found: Pick<Docker.ContainerInspectInfo, 'Name'>) => found.Name.replace(/^\//, '')

type Seen =
  | { as: 'absent' | { foreign: string } }
  | { found: ObservedContainer; networkId: string | undefined }

function seenContainer(
  found: Docker.ContainerInspectInfo | undefined,
  target: Target,
  attached: boolean,
): Seen {
  if (!found) return { as: 'absent' }
  if (!isOurs(found.Config.Labels, target, 'agent'))
    return { as: { foreign: `${nameOf(found)}, ${found.Id.slice(0, 12)}` } }
  const { network, container: name } = objectNames(target.installation, target.agentId)
  const endpoint = found.NetworkSettings.Networks[network]
  const ended = found.State.Status === 'exited' || found.State.Status === 'dead'
  const container: ObservedContainer = {
    id: found.Id,
    status: statusOf(found.State.Status),
    generation: Number(found.Config.Labels[label.generation] ?? 0),
    specHash: found.Config.Labels[label.spec] ?? '',
    imageDigest: found.Image,
    ip: endpoint?.IPAddress ? endpoint.IPAddress : null,
    startedAt: timeOf(found.State.StartedAt),
    finishedAt: timeOf(found.State.FinishedAt),
    exitCode: ended ? found.State.ExitCode : null,
    oomKilled: found.State.OOMKilled,
    gatewayAttached: attached,
    renamed: nameOf(found) !== name,
  }
  return { found: container, networkId: endpoint?.NetworkID }
}

/** Whether a gateway of ours stands at the gateway's address of the agent's network. Labels decide, not its name. */
async function gatewayAttached(engine: Engine, target: Target, signal: AbortSignal): Promise<boolean> {
  const { network } = objectNames(target.installation, target.agentId)
  const labels = [`${label.installation}=${target.installation}`, `${label.role}=gateway`]
  const gateways = await engine.call('looking for the gateway', signal, (abortSignal) =>
    engine.docker.listContainers({ filters: { network: [network], label: labels }, abortSignal }),
  )
  return gateways.some(
    (gateway) => gateway.NetworkSettings?.Networks[network]?.IPAddress === target.network.gateway,
  )
}

/** The engine's word for a container's state as ours. */
export function statusOf(status: string): ObservedContainer['status'] {
  if (status === 'created' || status === 'running' || status === 'paused' || status === 'exited')
    return status
  return status === 'restarting' ? 'running' : 'dead' // "removing" has nothing left to give
}

// The engine writes the year 1 for "never".
const timeOf = (text: string | undefined) => (text && !text.startsWith('0001-') ? text : null)
