import { createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { addressIn, freePool } from '@nora/testing/address-pool'
import type { Stack } from '../stack.ts'
import { places } from './other-side.ts'

export type Place = { containerId: string; address: string; gateway: string; bridge: string; image: string }

export async function placeOf(it: Stack, agentId: string): Promise<Place> {
  const filters = { label: [`com.nora.agent=${agentId}`, 'com.nora.role=agent'] }
  const [listed] = await it.docker.listContainers({ filters })
  const { Id, NetworkSettings, Image } = await it.docker.getContainer(listed!.Id).inspect()
  const address = Object.values(NetworkSettings.Networks)[0]!.IPAddress
  const [gateway, bridge] = [addressIn(address, -1), addressIn(address, -2)]
  return { containerId: Id, address, gateway, bridge, image: Image }
}

/** A listener on every address of this host, as a careless service has it. */
export async function hostListener(): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => socket.on('error', () => undefined).end('host'))
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  return { port: (server.address() as { port: number }).port, server }
}

/** This host's own addresses: those that last (no other test's), and the ends of the agent's and the control network. */
export function hostAddresses(it: Stack, from: Place): string[] {
  const lasting = Object.entries(networkInterfaces())
    .filter(([name]) => !/^(br-|nr-|veth|nora)/.test(name))
    .flatMap(([, list]) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
  return [from.bridge, addressIn(it.pool, 1), ...lasting]
}

/** Everything besides this host that an agent must not reach. */
export const forbidden = (other: Place) =>
  [
    [places.metadata, 80],
    ...places.private.flatMap((address) => [
      [address, 53],
      [address, 8080],
    ]),
    [places.resolver, 8080],
    [other.address, 8080],
    [other.gateway, 7081],
    [other.gateway, 7082],
  ] as [string, number][]

/** A container as the profile `hardened` will have it: on an internal network of the pool, with an agent's rights. */
export async function onNetwork(it: Stack, place: Place, slot: number, options: { internal: boolean }) {
  const labels = { 'com.nora.installation': it.installation }
  const subnet = addressIn(it.pool, slot * 8)
  const name = `${it.prefix}-scan-${slot}`
  await it.docker.createNetwork({
    ...{ Name: name, Internal: options.internal, Labels: labels },
    IPAM: { Driver: 'default', Config: [{ Subnet: `${subnet}/29` }] },
  })
  const container = await it.docker.createContainer({
    ...{ Image: place.image, User: '10001:10001', Labels: labels },
    Entrypoint: ['/bin/node', '-e', 'setInterval(() => {}, 1e6)'],
    HostConfig: { NetworkMode: name, CapDrop: ['ALL'], Dns: [places.resolver] },
  })
  await container.start()
  const { NetworkSettings } = await container.inspect()
  const address = Object.values(NetworkSettings.Networks)[0]!.IPAddress
  return { containerId: container.id, address, bridge: addressIn(`${subnet}/29`, 1) }
}

/** Makes and removes networks, one after another, until it is told to end; gives how many so far, and in the end. */
export function churn(it: Stack): { made(): number; end(): Promise<number> } {
  let pool = freePool()
  let over = false
  let made = 0
  const going = (async () => {
    while (!over) {
      const network = await it.docker
        .createNetwork({
          Name: `${it.prefix}-churn`,
          Labels: { 'com.nora.installation': it.installation },
          IPAM: { Driver: 'default', Config: [{ Subnet: `${addressIn(pool, 0)}/29` }] },
        })
        .catch((error: { statusCode?: number }) => {
          if (error.statusCode !== 403) throw error
          pool = freePool() // Somebody else's test has taken it meanwhile.
        })
      if (!network) continue
      made++
      await network.remove()
    }
  })()
  // Whoever ends it hears of what went wrong.
  going.catch(() => undefined)
  return {
    made: () => made,
    async end() {
      over = true
      await going
      return made
    },
  }
}
