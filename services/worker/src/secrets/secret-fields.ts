/**
 * Takes a credential's plaintext, UTF-8 JSON of `{"field":"value"}`, apart into one Buffer a value, without making a
 * JavaScript string of any value: strings cannot be wiped. Names are ordinary strings.
 * The caller wipes what it gets (`wipeFields`). Throws a RangeError, which quotes nothing, for any other JSON.
 */
export function readSecretFields(plaintext: Buffer): Record<string, Buffer> {
  const fields: Record<string, Buffer> = Object.create(null)
  const reader = { bytes: plaintext, at: 0 }
  try {
    expect(reader, OPEN)
    if (peek(reader) === CLOSE) reader.at++
    else {
      for (;;) {
        const name = readString(reader).toString('utf8')
        expect(reader, COLON)
        if (Object.hasOwn(fields, name)) throw malformed()
        fields[name] = readString(reader)
        const next = take(reader)
        if (next === CLOSE) break
        if (next !== COMMA) throw malformed()
      }
    }
    if (peek(reader) !== undefined) throw malformed()
    return fields
  } catch (error) {
    wipeFields(fields)
    throw error
  }
}

/** Overwrites every value with zeroes. */
export function wipeFields(fields: Record<string, Buffer>): void {
  for (const value of Object.values(fields)) value.fill(0)
}

type Reader = { bytes: Buffer; at: number }

const [OPEN, CLOSE, COLON, COMMA, QUOTE, BACKSLASH] = [0x7b, 0x7d, 0x3a, 0x2c, 0x22, 0x5c]
const SPACES = [0x20, 0x09, 0x0a, 0x0d]
const ESCAPES: Record<string, number> = {
  '"': 0x22,
  '\\': 0x5c,
  '/': 0x2f,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
}
const malformed = () => new RangeError('the secret is not a JSON object of texts')

function peek(reader: Reader): number | undefined {
  while (SPACES.includes(reader.bytes[reader.at] as number)) reader.at++
  return reader.bytes[reader.at]
}

function take(reader: Reader): number | undefined {
  const byte = peek(reader)
  reader.at++
  return byte
}

function expect(reader: Reader, byte: number): void {
  if (take(reader) !== byte) throw malformed()
}

// RFC 8259 section 7. A value is never longer than its spelling, so it is decoded into a buffer of that size.
function readString(reader: Reader): Buffer {
  expect(reader, QUOTE)
  const { bytes } = reader
  const end = closingQuote(bytes, reader.at)
  const out = Buffer.alloc(end - reader.at)
  let length = 0
  while (reader.at < end) {
    const byte = bytes[reader.at++]!
    if (byte < 0x20) throw malformed()
    if (byte !== BACKSLASH) out[length++] = byte
    else length += writeEscape(reader, out, length)
  }
  reader.at = end + 1
  const value = Buffer.from(out.subarray(0, length))
  out.fill(0)
  return value
}

function closingQuote(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++
    else if (bytes[at] === QUOTE) return at
  }
  throw malformed()
}

function writeEscape(reader: Reader, out: Buffer, at: number): number {
  const kind = String.fromCharCode(reader.bytes[reader.at++]!)
  const plain = ESCAPES[kind]
  if (plain !== undefined) return out.writeUInt8(plain, at) - at
  if (kind !== 'u') throw malformed()
  const first = readHex(reader)
  const isPair = first >= 0xd800 && first < 0xdc00 && reader.bytes[reader.at] === BACKSLASH
  if (!isPair) return out.write(String.fromCharCode(first), at)
  reader.at += 2
  return out.write(String.fromCharCode(first, readHex(reader)), at)
}

function readHex(reader: Reader): number {
  const text = reader.bytes.toString('latin1', reader.at, reader.at + 4)
  if (!/^[0-9a-f]{4}$/i.test(text)) throw malformed()
  reader.at += 4
  return Number.parseInt(text, 16)
}
