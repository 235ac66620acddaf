import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { ownShare, shares } from './own-share.ts'

/**
 * A private /22 that no network of this machine uses right now: what a test gives its installation as the pool of its
 * agents' networks. Looks at the routing table, which holds the engine's bridges too.
 */
export function freePool(): string {
  const taken = routes()
  for (let attempt = 0; attempt < 500; attempt++) {
    const block = randomInt(0, 64 / shares) * shares + ownShare()
    const base = ((10 << 24) | (randomInt(96, 200) << 16) | (block << 10)) >>> 0
    if (!taken.some((route) => overlaps(route, { base, bits: 22 }))) return `${dotted(base)}/22`
  }
  throw new Error('no free private /22 found on this machine')
}

/** The address `offset` places into a block: 1 is the bridge of the control network. */
export function addressIn(pool: string, offset: number): string {
  const [address] = pool.split('/') as [string]
  return dotted(number(address) + offset)
}

type Block = { base: number; bits: number }

function routes(): Block[] {
  const text = execFileSync('ip', ['-4', 'route', 'show', 'table', 'all'], { encoding: 'utf8' })
  return [...text.matchAll(/^(?:local |broadcast )?(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?/gm)].map((match) => ({
    base: number(match[1]!),
    bits: Number(match[2] ?? 32),
  }))
}

function overlaps(a: Block, b: Block): boolean {
  const bits = Math.min(a.bits, b.bits)
  return bits === 0 || a.base >>> (32 - bits) === b.base >>> (32 - bits)
}

const number = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
const dotted = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.')
