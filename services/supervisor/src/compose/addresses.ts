import { randomInt } from 'node:crypto'

/** The uid (and gid) that each container runs as. Secret files on the host belong to these numbers. */
export const containerUids = {
  nginx: 10101,
  pages: 10102,
  api: 10103,
  worker: 10104,
  'engine-proxy': 10105,
  netguard: 10106,
  migrate: 10107,
  postgres: 10108,
  redis: 10109,
} as const

/** The containers that are given settings or files of their own. */
export type Holder =
  | 'nginx'
  | 'api'
  | 'worker'
  | 'engine-proxy'
  | 'netguard'
  | 'migrate'
  | 'postgres'
  | 'redis'

/**
 * Fixed addresses in the stack's own /24: three networks of thirty-two each, and of the agents' pool the first sixteen, where the
 * gateways live. `block` is NORA_STACK_NETWORK, `pool` NORA_AGENT_NETWORK_POOL. Throws when `block` is no /24.
 */
export function stackAddresses(block: string, pool: string) {
  const prefix = /^(\d+\.\d+\.\d+)\.0\/24$/.exec(block)?.[1]
  if (!prefix) throw new Error(`NORA_STACK_NETWORK must be a /24 such as 10.213.255.0/24, not ${block}`)
  const first = /^(\d+\.\d+\.\d+)\.(\d+)\/\d+$/.exec(pool)
  if (!first) throw new Error(`NORA_AGENT_NETWORK_POOL must be a block such as 10.214.0.0/16, not ${pool}`)
  const at = (host: number) => `${prefix}.${host}`
  const gateways = (host: number) => `${first[1]}.${Number(first[2]) + host}`
  return {
    subnets: {
      edge: `${at(0)}/27`,
      control: `${at(32)}/27`,
      out: `${at(64)}/27`,
      gateways: `${gateways(0)}/28`,
    },
    edge: { nginx: at(2), api: at(3), console: at(4), admin: at(5) },
    control: { postgres: at(34), redis: at(35), migrate: at(36), api: at(37), worker: at(38) },
    out: { worker: at(66) },
    gateways: { bridge: gateways(1), worker: gateways(13), api: gateways(14) },
  }
}

/** A /24 that no route of this machine touches: the usual one for the machine's own installation. `routes` as `ip route` prints them. */
export function freeStackNetwork(routes: string, usual: boolean): string {
  const taken = (second: number) => new RegExp(`(^|\\s)10\\.${second}\\.`, 'm').test(routes)
  if (usual && !taken(213)) return '10.213.255.0/24'
  for (let attempt = 0; attempt < 100; attempt++) {
    const second = randomInt(1, 130)
    if (!taken(second)) return `10.${second}.255.0/24`
  }
  throw new Error('no free 10.x.255.0/24 for the stack: set NORA_STACK_NETWORK in installation.env')
}
