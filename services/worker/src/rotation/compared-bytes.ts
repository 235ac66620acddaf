import { credentialType } from '@nora/contract/credential-catalog'
import type { CredentialKind } from '@nora/contract/credential-types'
import { readSecretFields, wipeFields } from '../secrets/secret-fields.ts'

/**
 * The bytes that a fingerprint is made of, as the api chose them when it sealed: a single secret field's value, else the
 * stored JSON of the secret fields (of all fields where the provider takes any). A buffer of its own, the caller's to
 * wipe. What was not written by the api counts as a whole.
 */
export function comparedBytes(kind: CredentialKind, provider: string, plaintext: Buffer): Buffer {
  const known = credentialType(kind, provider)
  const secret = new Set(known?.fields.filter((field) => field.secret).map((field) => field.name))
  const isSecret = (name: string) => known?.anyFields === true || secret.has(name)
  let fields: Record<string, Buffer>
  try {
    fields = readSecretFields(plaintext)
  } catch (error) {
    if (error instanceof RangeError) return Buffer.from(plaintext)
    throw error
  }
  try {
    const names = Object.keys(fields).filter(isSecret)
    if (names.length === 1) return Buffer.from(fields[names[0] as string] as Buffer)
    const members = membersOf(plaintext)
    return members ? canonical(members.filter(({ name }) => isSecret(name))) : Buffer.from(plaintext)
  } finally {
    wipeFields(fields)
  }
}

type Member = { name: string; bytes: Buffer }

const [QUOTE, BACKSLASH, COLON, CLOSE, COMMA] = [0x22, 0x5c, 0x3a, 0x7d, 0x2c]

/**
 * `"name":"value"` by `"name":"value"`, as views: the api writes JSON without white space, sorted by name. Undefined for JSON
 * that has any: whoever sealed that must not stop the others.
 */
function membersOf(json: Buffer): Member[] | undefined {
  const members: Member[] = []
  let at = 1
  while (at < json.length && json[at] !== CLOSE) {
    const nameEnd = endOfText(json, at)
    if (json[at] !== QUOTE || json[nameEnd] !== COLON || json[nameEnd + 1] !== QUOTE) return undefined
    const end = endOfText(json, nameEnd + 1)
    const name = JSON.parse(json.toString('utf8', at, nameEnd)) as string
    members.push({ name, bytes: json.subarray(at, end) })
    at = json[end] === COMMA ? end + 1 : end
  }
  return at === json.length - 1 ? members : undefined
}

/** The place after the text that begins at `from` with a quote. */
function endOfText(json: Buffer, from: number): number {
  for (let at = from + 1; at < json.length; at++) {
    if (json[at] === BACKSLASH) at++
    else if (json[at] === QUOTE) return at + 1
  }
  return json.length
}

function canonical(members: Member[]): Buffer {
  const parts = members.flatMap(({ bytes }, i) => (i === 0 ? [bytes] : [Buffer.from(','), bytes]))
  return Buffer.concat([Buffer.from('{'), ...parts, Buffer.from('}')])
}
