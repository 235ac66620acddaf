import type pg from 'pg'

/** Columns as the bytes that Postgres sends, which lie in what was read from the socket. */
export type ByteRow = (Buffer | null)[]

/** The same columns as text. */
export const textOf = (row: ByteRow): (string | null)[] => row.map((field) => field?.toString() ?? null)

type Wire = {
  stream: {
    listeners(event: 'data'): ((bytes: Buffer) => void)[]
    on(event: 'data', listener: (bytes: Buffer) => void): void
    off(event: 'data', listener: (bytes: Buffer) => void): void
  }
  emit(event: 'dataRow', message: { fields: ByteRow }): void
}

/** A message is its kind, one byte, and the length of what follows, itself included (PostgreSQL documentation, 54.7). */
const headLength = 5
const dataRow = 'D'.charCodeAt(0)

/**
 * Has a connection give its rows as bytes, where pg makes a string of each column: a page that only passes through is never
 * decoded and encoded again. All other messages reach pg as they are. To be called when a connection has been opened.
 */
export function takeRowsAsBytes(client: pg.PoolClient): void {
  const wire = (client as unknown as { connection: Wire }).connection
  const [parse, ...others] = wire.stream.listeners('data')
  if (!parse || others.length > 0) throw new Error('pg does not read its connection as it used to')
  wire.stream.on(
    'data',
    splitMessages(parse, (message) => wire.emit('dataRow', { fields: fieldsOf(message) })),
  )
  wire.stream.off('data', parse)
}

/** Cuts what a socket gives into messages: whole rows go to `row`, the rest in as few pieces as possible to `rest`. */
export function splitMessages(rest: (bytes: Buffer) => void, row: (message: Buffer) => void) {
  // The beginning of a message whose end is still to come; `missing` bytes at least.
  let pieces: Buffer[] = []
  let missing = 0

  return (chunk: Buffer): void => {
    let bytes = chunk
    if (pieces.length > 0) {
      pieces.push(chunk)
      missing -= chunk.length
      if (missing > 0) return
      bytes = Buffer.concat(pieces)
      pieces = []
    }
    let from = 0
    let at = 0
    for (let end = endOf(bytes, at); end <= bytes.length; end = endOf(bytes, at)) {
      if (bytes[at] === dataRow) {
        if (from < at) rest(bytes.subarray(from, at))
        row(bytes.subarray(at, end))
        from = end
      }
      at = end
    }
    if (from < at) rest(bytes.subarray(from, at))
    if (at === bytes.length) return
    pieces = [bytes.subarray(at)]
    missing = endOf(bytes, at) - bytes.length
  }
}

/** Where the message that begins at `at` ends; while its length is not known, where it is. */
const endOf = (bytes: Buffer, at: number): number =>
  at + headLength > bytes.length ? at + headLength : at + 1 + bytes.readUInt32BE(at + 1)

function fieldsOf(message: Buffer): ByteRow {
  const fields: ByteRow = new Array(message.readInt16BE(headLength))
  let at = headLength + 2
  for (let n = 0; n < fields.length; n++) {
    const length = message.readInt32BE(at)
    at += 4
    fields[n] = length < 0 ? null : message.subarray(at, at + length)
    if (length > 0) at += length
  }
  return fields
}
