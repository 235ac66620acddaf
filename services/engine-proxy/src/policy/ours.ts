/**
 * What tells this installation's objects from everybody else's, and where its networks lie. The names and labels are those
 * of services/worker/src/backends/docker/names.ts and gateway/gateway-spec.ts; a test holds the two together.
 */
export type Ours = {
  installation: string
  /** What the names of its objects begin with: `nora-<8 hex>`. */
  prefix: string
  /** The folder on the host that agents' keys are mounted from. */
  keysDir: string
  pool: { first: number; size: number; text: string }
}

export const label = {
  installation: 'com.nora.installation',
  workspace: 'com.nora.workspace',
  agent: 'com.nora.agent',
  generation: 'com.nora.generation',
  spec: 'com.nora.spec',
  role: 'com.nora.role',
  gateway: 'com.nora.gateway',
} as const

export const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Addresses of the control network, at the pool's start; agents' networks are blocks of eight behind it. */
const controlAddresses = 16
const perAgent = 8

export function oursOf(options: { installation: string; pool: string; keysDir: string }): Ours {
  const [address = '', bits = ''] = options.pool.split('/')
  const size = 2 ** (32 - Number(bits))
  const base = numberOf(address) ?? 0
  return {
    installation: options.installation,
    prefix: `nora-${options.installation.replaceAll('-', '').slice(0, 8)}`,
    keysDir: options.keysDir,
    pool: { first: base - (base % size), size, text: options.pool },
  }
}

export const namesOf = ({ prefix }: Ours, agentId: string) => ({
  container: `${prefix}-agent-${agentId}`,
  network: `${prefix}-net-${agentId}`,
  volume: `${prefix}-vol-${agentId}`,
  handOver: `${prefix}-hand-over-${agentId}`,
})

export const keyFolder = ({ keysDir }: Ours, agentId: string) => `${keysDir}/${agentId}`

/** The network that gateways live on; `places` is the range of gateways' offsets in it. */
export const controlNetwork = ({ prefix, pool }: Ours) => ({
  name: `${prefix}-00-control`,
  subnet: `${dotted(pool.first)}/28`,
  bridge: dotted(pool.first + 1),
  gateway: (index: number) => dotted(pool.first + 2 + index),
})

export const mostGateways = 11

/** The network of an agent that begins at this address of the pool; undefined where none can. */
export function agentNetworkAt({ pool }: Ours, subnet: unknown) {
  const [address = '', bits] = typeof subnet === 'string' ? subnet.split('/') : []
  const base = numberOf(address)
  if (base === undefined || bits !== '29') return undefined
  const offset = base - pool.first
  if (offset < controlAddresses || offset + perAgent > pool.size || offset % perAgent !== 0) return undefined
  return { subnet: `${dotted(base)}/29`, bridge: dotted(base + 1) }
}

/** Whether it is the place of the agent (`.3` of its block) or of its gateway (`.2`). */
export function isPlaceOf(who: 'agent' | 'gateway', { pool }: Ours, address: unknown): boolean {
  const number = typeof address === 'string' ? numberOf(address) : undefined
  if (number === undefined) return false
  const offset = number - pool.first
  const place = who === 'agent' ? 3 : 2
  return offset >= controlAddresses && offset < pool.size && offset % perAgent === place
}

/** A dotted quad in its one canonical spelling. */
function numberOf(address: string): number | undefined {
  const parts = address.split('.').map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256))
  if (parts.length !== 4 || parts.some((part) => part > 255)) return undefined
  return parts.reduce((sum, part) => sum * 256 + part, 0)
}

const dotted = (address: number) =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')

export type Role = 'agent' | 'gateway' | 'control' | 'network' | 'volume' | 'hand-over'

/** The role that labels give an object of this installation; undefined for everything that is not ours. */
export function roleIn(ours: Ours, labels: unknown): Role | undefined {
  if (typeof labels !== 'object' || labels === null) return undefined
  const given = labels as Record<string, unknown>
  const role = roles.find((one) => one === given[label.role])
  return given[label.installation] === ours.installation ? role : undefined
}

const roles: readonly Role[] = ['agent', 'gateway', 'control', 'network', 'volume', 'hand-over']
