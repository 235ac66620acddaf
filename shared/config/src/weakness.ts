/**
 * What is wrong with a secret's strength, or undefined. A secret is weak when it is shorter than `minBytes`, reads
 * like a placeholder, or is so regular that somebody could have typed it: SECURITY.md, claim 7.
 */
export function weaknessOf(value: string, minBytes: number): string | undefined {
  if (isPlaceholder(value)) return 'is a placeholder'
  if (Buffer.byteLength(value) < minBytes) return `is shorter than ${minBytes} bytes`
  if (isRegular(value)) return 'has too little entropy'
  return undefined
}

// Words of six letters and more: a random base64 secret contains one of these about once in ten million.
const placeholderWords =
  /change[-_ ]?(?:me|it|this)|replace|example|placeholder|insert[-_ ]|your[-_ ](?:secret|key|token|password)|password|passw0rd|default|secret|dummy[-_ ]|<[^>]*>|\bopenssl rand\b/i

/** Whether a value is what documentation prints in a secret's place. */
export const isPlaceholder = (value: string): boolean => placeholderWords.test(value)

/**
 * Whether a text is too regular for a random one: few distinct characters, parts that repeat, or runs such as
 * `abcdef` and `1111`. The bound of 80 bits (Shannon's estimate over the text) is far below what 16 random bytes in
 * hex give, and 32 random bytes repeat hardly any three characters.
 */
export const isRegular = (value: string): boolean =>
  shannonBits(value) < 80 || repeatShare(value) > 0.4 || runShare(value) > 0.4

/** The share of three-character pieces that occurred before. */
function repeatShare(value: string): number {
  const seen = new Set<string>()
  for (let at = 0; at + 3 <= value.length; at++) seen.add(value.slice(at, at + 3))
  return 1 - seen.size / Math.max(1, value.length - 2)
}

/** Shannon's estimate over the characters of a text, in bits. */
export function shannonBits(value: string): number {
  const counts = new Map<string, number>()
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= count * Math.log2(count / value.length)
  return bits
}

/** The share of neighbours that are equal or follow each other (random hex: about a fifth). */
function runShare(value: string): number {
  let runs = 0
  for (let at = 1; at < value.length; at++) {
    if (Math.abs(value.charCodeAt(at) - value.charCodeAt(at - 1)) <= 1) runs++
  }
  return value.length < 2 ? 1 : runs / (value.length - 1)
}
