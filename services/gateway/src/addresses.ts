import ipaddr from 'ipaddr.js'

/** Says whether an address may be dialled: the reason against it, or null. A parameter, so that tests may dial loopback. */
export type AddressPolicy = (ip: string) => string | null

/** Addresses at the start of the pool that belong to the control network, and the size and agent's place of one slot. */
const CONTROL_ADDRESSES = 16
const SLOT = 8
const AGENT_OFFSET = 3

const toNumber = (ip: ipaddr.IPv4): number => ip.octets.reduce((sum, octet) => sum * 256 + octet, 0)

export type Pool = { first: number; size: number }

/** `10.214.0.0/16` as numbers. Throws a RangeError naming the rule when it is no network that agents may live in. */
export function parsePool(cidr: string): Pool {
  const [text, bits] = cidr.split('/')
  if (!text || !ipaddr.IPv4.isValidFourPartDecimal(text) || !/^(?:[89]|1\d|2[0-7])$/.test(bits ?? '')) {
    throw new RangeError('the agent pool must be an IPv4 network between /8 and /27, like 10.214.0.0/16')
  }
  const prefix = Number(bits)
  const base = ipaddr.IPv4.parse(text)
  if (base.toString() !== ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()) {
    throw new RangeError('the agent pool must start at its network address')
  }
  // Loopback, link-local (the metadata address), multicast and public ranges are never agents.
  if (base.range() !== 'private' && base.range() !== 'carrierGradeNat') {
    throw new RangeError('the agent pool must be private address space')
  }
  return { first: toNumber(base), size: 2 ** (32 - prefix) }
}

/**
 * The production policy. The only text accepted is the canonical dotted quad, which leaves out every embedding of IPv4
 * in IPv6 and every octal, hexadecimal or shortened form; the only addresses are the agents' own places in the pool
 * (the fourth of each /29), which leaves out the host's end of every bridge, the gateway itself, broadcasts and the
 * control network.
 */
export function agentAddressPolicy({ first, size }: Pool): AddressPolicy {
  return (ip) => {
    if (!ipaddr.IPv4.isValidFourPartDecimal(ip)) return 'not an IPv4 address'
    const parsed = ipaddr.IPv4.parse(ip)
    if (parsed.toString() !== ip) return 'not in canonical form'
    const offset = toNumber(parsed) - first
    if (offset < 0 || offset >= size) return 'outside the agent pool'
    if (offset < CONTROL_ADDRESSES) return 'in the control network'
    if (offset % SLOT !== AGENT_OFFSET) return 'not the address of an agent'
    return null
  }
}

/**
 * Whether a caller may open a connection to our listeners: anyone but an agent. Linux takes packets for a local address
 * on whichever interface they come in, so binding the control address alone does not keep an agent's network out.
 */
export function peerPolicy({ first, size }: Pool): (remote: string | undefined) => boolean {
  return (remote) => {
    if (!remote || !ipaddr.IPv4.isValidFourPartDecimal(remote)) return false
    const offset = toNumber(ipaddr.IPv4.parse(remote)) - first
    return offset < CONTROL_ADDRESSES || offset >= size
  }
}
