import { BlockList, isIP } from 'node:net'
import { fc, hostileText, readingOf } from '@nora/testing/fuzz'
import { describe, expect, test } from 'vitest'
import { normalAddress, refusalOfAddress } from './address-policy.ts'

const address = fc.oneof(fc.ipV4(), fc.ipV4Extended(), fc.ipV6())
const embedded = fc
  .tuple(fc.constantFrom('::ffff:', '::', '64:ff9b::', '2002:', '::ffff:0:'), fc.ipV4())
  .map(([prefix, ip]) => prefix + ip)
// A list for each family: an IPv4 address would be looked for among the IPv6 blocks as well, as a mapped one.
const inside = { 4: new BlockList(), 6: new BlockList() }
for (const [base, bits] of [
  ...([
    ['10.0.0.0', 8],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
  ] as const),
  ...([
    ['192.168.0.0', 16],
    ['100.64.0.0', 10],
    ['224.0.0.0', 3],
    ['0.0.0.0', 8],
  ] as const),
]) {
  inside[4].addSubnet(base, bits, 'ipv4')
}
for (const [base, bits] of [
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
  ['::', 8],
] as const) {
  inside[6].addSubnet(base, bits, 'ipv6')
}

describe('an address that may be dialled', () => {
  test('has one form', () => {
    fc.assert(
      fc.property(hostileText(address, embedded), (text) => {
        const normal = readingOf(() => normalAddress(text))
        if (normal === undefined) return
        expect(isIP(normal)).toBeGreaterThan(0)
        expect(normalAddress(normal)).toBe(normal)
      }),
    )
  })
  test('is public, also to a second opinion', () => {
    fc.assert(
      fc.property(hostileText(address, embedded), (text) => {
        if (readingOf(() => refusalOfAddress(text)) !== null) return
        const normal = normalAddress(text)!
        const found = isIP(normal) === 4 ? inside[4].check(normal, 'ipv4') : inside[6].check(normal, 'ipv6')
        expect(found, normal).toBe(false)
      }),
    )
  })
})
