import type Docker from 'dockerode'
import { BackendError } from '../backends/backend.ts'
import { createContainer, engineCall, pause } from '../backends/docker/engine.ts'
import { label } from '../backends/docker/names.ts'
import {
  controlNetwork,
  controlNetworkSpec,
  controlPort,
  type GatewaySettings,
  gatewaySpec,
  invokePort,
} from './gateway-spec.ts'

/** A running gateway. URLs are on loopback, at ports the engine chose (a new container has new ones), or at its control address. */
export type RunningGateway = {
  name: string
  containerId: string
  controlUrl: string
  invokeUrl: string
  controlAddress: string
  /** It was made just now: it knows no route and stands on no agent's network. */
  created: boolean
}

// The engine keeps a name while it still makes or removes its bearer: what it refuses and what it shows differ for a
// moment, longer on a busy machine.
const MAX_TURNS = 40
/** Somebody else's creation of the same network shows within these turns, a good second; later the addresses are taken. */
const MAX_CONFLICTS = 12
const settle = (turn: number, signal: AbortSignal) => pause(Math.min(20 * turn, 500), signal)

const taken = (kind: 'network' | 'container', name: string) =>
  new BackendError(
    'name-taken',
    `A ${kind} named ${name} exists that Nora did not make. It is left alone: remove it with \`docker ${kind === 'network' ? 'network rm' : 'rm -f'} ${name}\`, then try again.`,
    { retry: false },
  )

/**
 * Makes the control network or adopts ours. `name-taken`: somebody else's has the name, and is left alone.
 * `network-conflict`: the pool's first addresses are in use, or our network was made for another pool.
 */
export async function ensureControlNetwork(
  docker: Docker,
  { installation, pool }: { installation: string; pool: string },
  signal: AbortSignal,
): Promise<void> {
  const wanted = controlNetwork(installation, pool)
  const doing = `making network ${wanted.name}`
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    await settle(turn, signal)
    const found = await networkNamed(docker, wanted.name, signal)
    if (found) {
      if (found.Labels?.[label.installation] !== installation || found.Labels[label.role] !== 'control') {
        throw taken('network', wanted.name)
      }
      if (found.IPAM?.Config?.[0]?.['Subnet'] === wanted.subnet) return
      const message = `The network ${wanted.name} was made for another NORA_AGENT_NETWORK_POOL. Stop Nora, remove it with \`docker network rm ${wanted.name}\`, and start again.`
      throw new BackendError('network-conflict', message, { retry: false })
    }
    await engineCall(
      doing,
      signal,
      (abortSignal) => docker.createNetwork({ ...controlNetworkSpec(installation, pool), abortSignal }),
      { ignore: [409] },
    ).catch((error) => {
      // Of two at once the engine may refuse the later one for its addresses before it looks at its name: look again.
      if (!(error instanceof BackendError && error.code === 'network-conflict')) throw error
      if (turn >= MAX_CONFLICTS) throw error
    })
  }
  throw new BackendError('engine-error', `Gave up ${doing}: it comes and goes.`, { retry: true })
}

async function networkNamed(docker: Docker, name: string, signal: AbortSignal) {
  const listed = await engineCall(`looking for network ${name}`, signal, (abortSignal) =>
    docker.listNetworks({ filters: { name: [name] }, abortSignal }),
  )
  return listed.find((network) => network.Name === name) // the filter matches parts of names
}

/**
 * Creates the gateway or adopts the one that runs with exactly these settings. One that is dead, paused or was made from
 * other settings is removed and made anew on the control network, never started again: a container whose attached
 * network was removed meanwhile could not be. The caller then attaches it again and pushes every route. `name-taken`: a
 * container that is not ours has the name; it is not touched.
 */
export async function ensureGateway(
  docker: Docker,
  settings: GatewaySettings,
  signal: AbortSignal,
): Promise<RunningGateway> {
  const spec = gatewaySpec(settings)
  const doing = `making gateway ${spec.name}`
  await ensureControlNetwork(docker, settings, signal)
  let created = false
  let removed = 0
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    await settle(turn, signal)
    const found = await inspect(docker, spec.name, signal)
    if (!found) {
      const container = await engineCall(
        doing,
        signal,
        (abortSignal) => createContainer(docker, spec.container, abortSignal),
        { ignore: [409] }, // another worker was quicker: look at what it made
      )
      created ||= container !== undefined
      continue
    }
    const labels = found.Config.Labels ?? {}
    if (labels[label.installation] !== settings.installation || labels[label.role] !== 'gateway') {
      throw taken('container', spec.name)
    }
    const running = runningGateway(found, spec, created)
    if (running) return running
    if (found.State.Status === 'created' && labels[label.spec] === spec.specHash) {
      // Made just now, here or by another worker. 404: its network has gone since; it is made again with the new one.
      const start = (abortSignal: AbortSignal) => docker.getContainer(found.Id).start({ abortSignal })
      const started = await engineCall(doing, signal, start, { ignore: [304, 404] })
      if (started !== undefined) continue
      const now = await inspect(docker, spec.name, signal)
      if (now?.State.Status !== 'created') continue
    }
    if (removed++ === 3) break
    await engineCall(
      `removing gateway ${spec.name}`,
      signal,
      (abortSignal) => docker.getContainer(found.Id).remove({ force: true, abortSignal }) as Promise<unknown>,
      { ignore: [404, 409] },
    )
    created = false
  }
  throw new BackendError(
    'engine-error',
    `The gateway ${spec.name} does not stay up: see \`docker logs ${spec.name}\`.`,
    { retry: true },
  )
}

function runningGateway(
  found: Docker.ContainerInspectInfo,
  spec: ReturnType<typeof gatewaySpec>,
  created: boolean,
): RunningGateway | undefined {
  if (!found.State.Running || found.State.Paused || found.Config.Labels?.[label.spec] !== spec.specHash)
    return undefined
  const { Ports: ports, Networks: networks } = found.NetworkSettings
  const urlOf = (port: string) => {
    if (spec.dial === 'network') return `http://${spec.controlAddress}:${Number.parseInt(port, 10)}`
    const hostPort = ports?.[port]?.find(({ HostIp }) => HostIp === '127.0.0.1')?.HostPort
    return hostPort ? `http://127.0.0.1:${hostPort}` : undefined
  }
  const controlUrl = urlOf(controlPort)
  const invokeUrl = urlOf(invokePort)
  if (!controlUrl || !invokeUrl || networks[spec.controlNetwork]?.IPAddress !== spec.controlAddress)
    return undefined
  const { name, controlAddress } = spec
  return { name, containerId: found.Id, controlUrl, invokeUrl, controlAddress, created }
}

const inspect = (docker: Docker, id: string, signal: AbortSignal) =>
  engineCall(
    `looking at container ${id}`,
    signal,
    (abortSignal) => docker.getContainer(id).inspect({ abortSignal }),
    { ignore: [404] },
  )

/**
 * Puts the gateway on a network at an address; nothing is done when it stands there already. `not-found`: the gateway
 * or the network is gone.
 */
export async function attachGateway(
  docker: Docker,
  gateway: { containerId: string },
  networkName: string,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const options = {
    Container: gateway.containerId,
    EndpointConfig: { IPAMConfig: { IPv4Address: address } },
  } as Docker.NetworkConnectOptions // the type wants every field of an endpoint, the engine fills them
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    await settle(turn, signal)
    const network = await networkNamed(docker, networkName, signal)
    const container = await inspect(docker, gateway.containerId, signal)
    if (!network || !container) {
      const missing = network ? 'The gateway' : `The network ${networkName}`
      throw new BackendError('not-found', `${missing} is not there any more.`, { retry: true })
    }
    const endpoint = container.NetworkSettings.Networks[networkName]
    if (endpoint?.NetworkID === network.Id && endpoint.IPAddress === address) return
    // Taken off by force, whatever has the gateway's name on that network goes: an engine that died may have left it.
    if (endpoint || turn === MAX_CONFLICTS) await detachGateway(docker, gateway, networkName, signal)
    try {
      return await engineCall(`attaching the gateway to ${networkName}`, signal, (abortSignal) => {
        const bounded = { ...options, abortSignal }
        return docker.getNetwork(network.Id).connect(bounded)
      })
    } catch (error) {
      // Somebody else may be attaching it at this moment: look again.
      if (!/endpoint with name .* already exists/i.test(String(error))) throw error
    }
  }
  const message = `The gateway cannot be attached to ${networkName}: something there has its name.`
  throw new BackendError('engine-error', message, { retry: true })
}

/** Takes the gateway off a network. One that is not on it, or is gone, is off it. */
export async function detachGateway(
  docker: Docker,
  gateway: { containerId: string },
  networkName: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await engineCall(
      `detaching the gateway from ${networkName}`,
      signal,
      (abortSignal) =>
        docker
          .getNetwork(networkName)
          .disconnect({ Container: gateway.containerId, Force: true, abortSignal }),
      { ignore: [404] },
    )
  } catch (error) {
    // The engine says in words alone, with status 500 or 403, that there was nothing to do.
    if (error instanceof BackendError && /is not connected to/.test(error.message)) return
    throw error
  }
}

/** Removes the gateway when it is ours; somebody else's of that name stays. */
export async function removeGateway(
  docker: Docker,
  { name, installation }: { name: string; installation: string },
  signal: AbortSignal,
): Promise<void> {
  const found = await inspect(docker, name, signal)
  if (found?.Config.Labels?.[label.installation] !== installation) return
  await engineCall(
    `removing gateway ${name}`,
    signal,
    (abortSignal) => docker.getContainer(found.Id).remove({ force: true, abortSignal }) as Promise<unknown>,
    { ignore: [404, 409] },
  )
}
