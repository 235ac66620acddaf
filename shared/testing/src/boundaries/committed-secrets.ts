import { isPlaceholder, shannonBits } from '@nora/config/weakness'
import { TOKENS } from '@nora/log/token-shapes'
import { madeUpValues } from './made-up-values.ts'

export type Found = { line: number; kind: 'token' | 'private key' | 'hex' | 'assignment'; value: string }

const HEX64 = /(?<![0-9A-Za-z])[0-9a-fA-F]{64}(?![0-9A-Za-z])/g
const PEM = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:\\[nrt]|[\sA-Za-z0-9+/=:,.-]){64}/g
const NAME = '(?:key|secret|token|passw(?:or)?d|passphrase|pepper|psk|seed|credential)s?'
const ASSIGNED = new RegExp(
  `(?<=${NAME}[A-Za-z_]{0,20}['"]?[ \\t]{0,3}(?:=>|={1,2}|:)[ \\t]{0,3}['"\`]?)[A-Za-z0-9+/_=.-]{24,512}`,
  'gi',
)
const KEY_WORD = new RegExp(NAME, 'i')
const DIGEST_WORD = /sha-?256|digest|hash|checksum|integrity/i
const LEAST_TOKEN_CHARS = 20
const LEAST_BITS = 80

/**
 * What looks like a secret in a text: tokens of known shape, PEM private keys, 64 hex characters beside the name of a secret, and values
 * of high entropy assigned to such a name. What nobody would mistake for one (counting characters, placeholders, names) and
 * what `made-up-values.ts` lists is left out. Linear in the text.
 */
export function secretsIn(text: string): Found[] {
  const found: Found[] = []
  const add = (kind: Found['kind'], value: string, at: number) => {
    if (isMadeUp(value)) return
    found.push({ kind, value, line: text.slice(0, at).split('\n').length })
  }
  for (const match of text.matchAll(TOKENS)) {
    if (match[0].length >= LEAST_TOKEN_CHARS) add('token', match[0], match.index)
  }
  if (text.includes('PRIVATE KEY')) {
    for (const match of text.matchAll(PEM)) add('private key', match[0], match.index)
  }
  for (const match of text.matchAll(HEX64)) {
    const line = text.slice(text.lastIndexOf('\n', match.index) + 1, match.index)
    if (KEY_WORD.test(line) && !DIGEST_WORD.test(line)) add('hex', match[0], match.index)
  }
  for (const match of text.matchAll(ASSIGNED)) {
    if (isRandom(match[0]) && !HEX64.test(match[0])) add('assignment', match[0], match.index)
    HEX64.lastIndex = 0
  }
  const once = new Map(found.map((one) => [`${one.line} ${one.value.slice(0, 20)}`, one]))
  return [...once.values()]
}

/** Letters and digits mixed, or cases, as a generator mixes them: no path, no name, no sentence. */
const isRandom = (value: string): boolean =>
  (/\d/.test(value) || caseChanges(value) > value.length / 3) &&
  /[A-Za-z]/.test(value) &&
  !/^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(value) &&
  shannonBits(value) > LEAST_BITS

const caseChanges = (value: string): number => value.match(/(?<=[a-z])[A-Z]|(?<=[A-Z])[a-z]/g)?.length ?? 0

const COUNTED = /0123456|1234567|abcdef|ABCDEF|ABCABC|aaaaaa|AAAAAA|000000/

const isMadeUp = (value: string): boolean =>
  COUNTED.test(value) ||
  /c4n4ry|canary/i.test(value) ||
  isPlaceholder(value) ||
  madeUpValues.some((one) => one.value === value)
