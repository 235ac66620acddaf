import ipaddr from 'ipaddr.js'

// Blocks that ipaddr.js calls unicast although no public service lives there, or although an IPv4 address hides inside.
const alsoForbidden = [
  '100::/32', // discard and its neighbours
  '2001::/23', // IETF protocol assignments, Teredo among them
  '2001:db8::/32',
  '2002::/16', // 6to4: embeds IPv4
  '3fff::/20',
  '192.88.99.0/24', // 6to4 relays
].map((block) => ipaddr.parseCIDR(block))
const globalUnicastV6 = ipaddr.parseCIDR('2000::/3')

/**
 * The one normal form of an address: dotted quad for IPv4 and for IPv4-mapped IPv6 (`::ffff:a.b.c.d`, RFC 4291), the
 * shortest lower-case form for IPv6. Undefined for anything else: octal, hexadecimal or shortened IPv4, zone ids, names.
 */
export function normalAddress(text: string): string | undefined {
  if (text.includes('%')) return undefined
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    const normal = ipaddr.IPv4.parse(text).toString()
    return normal === text ? normal : undefined // leading zeroes may mean octal
  }
  if (!text.includes(':') || !ipaddr.IPv6.isValid(text)) return undefined
  if (/^::\d+\./.test(text)) return undefined // IPv4-compatible: the library takes it for mapped, the kernel does not
  return ipaddr.process(text).toString()
}

/**
 * Why an address must not be dialled by a call that is meant for the public internet; null when it may be.
 * Allowed is global unicast alone (IANA special-purpose registries, RFC 6890): no loopback, private, link-local
 * (metadata), shared, documentation, multicast or reserved range, and no IPv6 form that carries an IPv4 address
 * (mapped, compatible, 6to4, Teredo, NAT64, ISATAP).
 * @param own addresses of this machine, in normal form: a public one of ours is no public service either.
 */
export function refusalOfAddress(text: string, own: ReadonlySet<string> = new Set()): string | null {
  const normal = normalAddress(text)
  if (normal === undefined) return 'is not an address in its normal form'
  if (own.has(normal)) return 'is an address of this server'
  const address = ipaddr.parse(normal)
  const range = address.range()
  if (range !== 'unicast') return `is not a public address (${range})`
  if (alsoForbidden.some(([base, bits]) => base.kind() === address.kind() && address.match(base, bits))) {
    return 'is not a public address (reserved)'
  }
  if (address.kind() === 'ipv4') return null
  const v6 = address as ipaddr.IPv6
  if (!v6.match(globalUnicastV6 as [ipaddr.IPv6, number])) return 'is not a public address (reserved)'
  // ISATAP (RFC 5214): an interface id of 0:5efe or 200:5efe is followed by an IPv4 address.
  const [high, low] = [v6.parts[4], v6.parts[5]]
  if (low === 0x5efe && (high === 0 || high === 0x200)) return 'is not a public address (ISATAP)'
  return null
}
