export type AgentNetwork = { subnet: string; bridge: string; gateway: string; agent: string }

const perNetwork = 8
/** The first slot that an agent can have. */
export const firstSlot = 2

/** How many /29 networks a pool such as `10.214.0.0/16` holds; the first two are the control network's. */
export function slotsIn(pool: string): number {
  return 2 ** (32 - parsePool(pool).prefix) / perNetwork
}

/**
 * The agent network of a slot, from 2 on: the /29 at pool + 8 x slot with .1 the bridge, .2 the gateway, .3 the agent.
 * Throws a RangeError for a slot that the pool does not hold.
 */
export function agentNetwork(pool: string, slot: number): AgentNetwork {
  if (!Number.isInteger(slot) || slot < firstSlot || slot >= slotsIn(pool))
    throw new RangeError('no such network slot')
  const base = parsePool(pool).base + slot * perNetwork
  return {
    subnet: `${dotted(base)}/29`,
    bridge: dotted(base + 1),
    gateway: dotted(base + 2),
    agent: dotted(base + 3),
  }
}

function parsePool(pool: string): { base: number; prefix: number } {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(pool)
  if (!match) throw new RangeError('the pool is not an IPv4 block')
  const [a, b, c, d, prefix] = match.slice(1).map(Number) as [number, number, number, number, number]
  const size = 2 ** (32 - prefix)
  const address = ((a * 256 + b) * 256 + c) * 256 + d
  return { base: address - (address % size), prefix }
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}
