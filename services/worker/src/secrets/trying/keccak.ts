// Keccak-256 as Ethereum uses it: the padding of before FIPS 202 (0x01), which Node's own SHA3-256 does not have.

const rate = 136
const mask = (1n << 64n) - 1n
const rotl = (x: bigint, n: bigint) => ((x << n) | (x >> (64n - n))) & mask

/** The round constants, from the LFSR of the specification (x^8 + x^6 + x^5 + x^4 + 1). */
const roundConstants = (() => {
  let lfsr = 1
  return Array.from({ length: 24 }, () => {
    let constant = 0n
    for (let j = 0; j < 7; j++) {
      if (lfsr & 1) constant |= 1n << BigInt(2 ** j - 1)
      lfsr = lfsr & 0x80 ? ((lfsr << 1) ^ 0x171) & 0xff : lfsr << 1
    }
    return constant
  })
})()

function permute(state: bigint[]): void {
  for (const constant of roundConstants) {
    const c = [0, 1, 2, 3, 4].map(
      (x) => state[x]! ^ state[x + 5]! ^ state[x + 10]! ^ state[x + 15]! ^ state[x + 20]!,
    )
    for (let x = 0; x < 5; x++) {
      const d = c[(x + 4) % 5]! ^ rotl(c[(x + 1) % 5]!, 1n)
      for (let y = 0; y < 25; y += 5) state[x + y]! ^= d
    }
    // Rho and pi in one walk over the lanes.
    let [x, y] = [1, 0]
    let lane = state[1]!
    for (let t = 0; t < 24; t++) {
      ;[x, y] = [y, (2 * x + 3 * y) % 5]
      const next = state[x + 5 * y]!
      state[x + 5 * y] = rotl(lane, BigInt((((t + 1) * (t + 2)) / 2) % 64))
      lane = next
    }
    for (let row = 0; row < 25; row += 5) {
      const [a, b, cc, d, e] = state.slice(row, row + 5) as [bigint, bigint, bigint, bigint, bigint]
      state[row] = a ^ (~b & mask & cc)
      state[row + 1] = b ^ (~cc & mask & d)
      state[row + 2] = cc ^ (~d & mask & e)
      state[row + 3] = d ^ (~e & mask & a)
      state[row + 4] = e ^ (~a & mask & b)
    }
    state[0]! ^= constant
  }
}

/** 32 bytes. For public keys and the like: what it works with is not wiped. */
export function keccak256(message: Buffer): Buffer {
  const padded = Buffer.alloc(Math.floor(message.length / rate) * rate + rate)
  message.copy(padded)
  padded[message.length]! |= 0x01
  padded[padded.length - 1]! |= 0x80
  const state: bigint[] = Array.from({ length: 25 }, () => 0n)
  for (let at = 0; at < padded.length; at += rate) {
    for (let lane = 0; lane < rate / 8; lane++) state[lane]! ^= padded.readBigUInt64LE(at + lane * 8)
    permute(state)
  }
  const out = Buffer.alloc(32)
  for (let lane = 0; lane < 4; lane++) out.writeBigUInt64LE(state[lane]!, lane * 8)
  return out
}
