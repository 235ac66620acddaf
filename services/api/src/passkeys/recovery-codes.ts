import { createHash, randomBytes } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz' // Crockford's base32: nothing that is mistaken for another
const count = 10

/** Ten codes of 80 random bits, as people are shown them: `k3f9-x02m-...`. */
export const newRecoveryCodes = (): string[] => Array.from({ length: count }, newCode)

function newCode(): string {
  // 32 letters: the low five bits of a random byte are one, without bias.
  const letters = [...randomBytes(16)].map((byte) => alphabet[byte & 31]).join('')
  return letters.match(/.{4}/g)!.join('-')
}

/** SHA-256 of a code as it is kept, however it was typed. A fast hash will do: 80 random bits are not searched through. */
export function hashRecoveryCode(typed: string): Buffer {
  const letters = typed.toLowerCase().replaceAll(/[\s-]/g, '').replaceAll('o', '0').replaceAll(/[il]/g, '1')
  return createHash('sha256').update(`nora/recovery-code|${letters}`).digest()
}
