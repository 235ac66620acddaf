import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'
import type { ReachTarget } from '../gateway/control-client.ts'

/** Any port tells: a host that is not closed answers on it, by refusing where nobody listens. ssh is where hosts do listen. */
const ports = [1, 22]
const mostAddresses = 12

/**
 * What to dial to find out whether this host answers to its agents: its end of the control network, the pool's first address, and
 * where this process stands on the host itself every address that is its own. Nothing of it leaves the machine.
 */
export function hostTargets(
  pool: string,
  onHost: boolean,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): ReachTarget[] {
  const range = ipaddr.IPv4.parseCIDR(pool)
  const bridge = range[0].toByteArray()
  bridge[3] = bridge[3]! + 1
  // Ends of the engine's networks come and go: one that has just gone would be dialled elsewhere.
  const lasting = Object.entries(interfaces).filter(([name]) => !/^(br-|nr-|veth)/.test(name))
  const own = onHost ? lasting.flatMap(([, list]) => list ?? []) : []
  const addresses = own
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
    .filter((address) => !ipaddr.IPv4.parse(address).match(range))
    .slice(0, mostAddresses)
  return [...new Set([bridge.join('.'), ...addresses])].flatMap((address) =>
    ports.map((port) => ({ address, port })),
  )
}
