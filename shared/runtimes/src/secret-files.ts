import { isUtf8 } from 'node:buffer'
import { credentialType } from '@nora/contract/credential-catalog'
import type { OpenedKey, SecretFile } from './runtime.ts'

const text = (value: string | null) => Buffer.from(JSON.stringify(value))
const QUOTE = Buffer.from('"')

/**
 * A JSON string of bytes that never were a JavaScript string, since those cannot be wiped. RFC 8259 section 7: quote,
 * backslash and control characters are escaped, all other UTF-8 stands for itself. Throws a RangeError for bytes that
 * are not UTF-8.
 */
export function jsonString(value: Buffer): Buffer {
  if (!isUtf8(value)) throw new RangeError('a secret must be UTF-8 text')
  const out = Buffer.alloc(value.length * 6 + 2)
  let at = QUOTE.copy(out)
  for (const byte of value) {
    if (byte < 0x20) at += out.write(`\\u${byte.toString(16).padStart(4, '0')}`, at)
    else {
      if (byte === 0x22 || byte === 0x5c) at = out.writeUInt8(0x5c, at)
      at = out.writeUInt8(byte, at)
    }
  }
  at += QUOTE.copy(out, at)
  return wiped([out.subarray(0, at)], [out])
}

/** Joins the parts and wipes what they were made in. */
function wiped(parts: Uint8Array[], scratch: Uint8Array[]): Buffer {
  const whole = Buffer.concat(parts)
  for (const one of scratch) one.fill(0)
  return whole
}

const RESERVED = new Set(['id', 'kind', 'provider', 'label', 'baseUrl', 'permission'])

function keyJson(key: OpenedKey): Buffer {
  const { id, kind, provider, label, baseUrl, permission } = key
  const head = { id, kind, provider, label, baseUrl, ...(permission !== null && { permission }) }
  const secret: Buffer[] = []
  const parts: Uint8Array[] = [Buffer.from(JSON.stringify(head).slice(0, -1))]
  for (const [name, value] of Object.entries(key.fields)) {
    const json = jsonString(value)
    secret.push(json)
    // A free-form credential may name its values as it likes; ours keep their names.
    parts.push(Buffer.from(','), text(RESERVED.has(name) ? `secret_${name}` : name), Buffer.from(':'), json)
  }
  parts.push(Buffer.from('}'))
  return wiped(parts, secret)
}

/**
 * `keys.json`: `{"version":n,"keys":[{"id","kind","provider","label","baseUrl","apiKey",...}]}`, in the order given; an exchange
 * credential has its `permission` besides.
 */
export function keysJson(keys: OpenedKey[], version: number): SecretFile {
  const entries = keys.map(keyJson)
  const parts: Uint8Array[] = [Buffer.from(`{"version":${version},"keys":[`)]
  entries.forEach((entry, i) => {
    if (i > 0) parts.push(Buffer.from(','))
    parts.push(entry)
  })
  parts.push(Buffer.from(']}\n'))
  return { name: 'keys.json', content: wiped(parts, entries) }
}

/**
 * The value a key is used by: `apiKey`, else the first of its secret fields in its catalogue's order, else its only or first
 * field. Undefined for a key without values.
 */
export function mainField({ kind, provider, fields }: OpenedKey): Buffer | undefined {
  const known = credentialType(kind, provider)?.fields ?? []
  const main = known.find((field) => field.secret && Object.hasOwn(fields, field.name))
  return fields['apiKey'] ?? (main ? fields[main.name] : Object.values(fields)[0])
}

/** `key-<id>` for each key: its main value's bytes and nothing else, no line end. */
export function keyFiles(keys: OpenedKey[]): SecretFile[] {
  return keys.flatMap((key) => {
    const value = mainField(key)
    return value ? [{ name: `key-${key.id}`, content: Buffer.from(value) }] : []
  })
}

/**
 * `export NAME='value'` for a POSIX shell to source. Inside single quotes every byte stands for itself but the quote,
 * which is closed, escaped and opened again. Throws a RangeError for a NUL, which no environment can hold.
 */
export function shellExport(name: string, value: Buffer): Buffer {
  if (value.includes(0)) throw new RangeError('a variable cannot hold a NUL byte')
  const out = Buffer.alloc(value.length * 4)
  let at = 0
  for (const byte of value) {
    if (byte === 0x27) at += out.write("'\\''", at)
    else at = out.writeUInt8(byte, at)
  }
  return wiped([Buffer.from(`export ${name}='`), out.subarray(0, at), Buffer.from("'\n")], [out])
}
