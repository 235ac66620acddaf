import { scrubText } from './scrub.ts'
import { isFactAbout, isSensitiveName, REDACTED } from './sensitive-keys.ts'

const TRUNCATED = '[truncated]'
const MAX_DEPTH = 8
// A logged request or client can drag half the process along: after so many values the rest is left out.
const MAX_VALUES = 2000
const MAX_TEXT_CHARS = 32_768
const MIN_BYTES = 16

type Walk = { left: number; readonly path: Set<object> }

/**
 * A copy of any value that is safe to write down, made of plain objects, arrays, text, numbers, booleans and null.
 *
 * Values under names that promise a secret become `[redacted]`; text is scrubbed; bytes, also as a list of numbers, become `[bytes n]`; an
 * error keeps its name, message, code, stack and chain of causes; Maps become objects and Sets arrays; `toJSON` is
 * honoured and its answer redacted. Deeper than 8, or after 2000 values, stands `[truncated]`; a cycle is
 * `[circular]`; what throws when it is read is `[unreadable]`. Never throws, never changes its argument.
 */
export function redact(value: unknown): unknown {
  return copy(value, 0, { left: MAX_VALUES, path: new Set() })
}

function copy(value: unknown, depth: number, walk: Walk): unknown {
  if (depth > MAX_DEPTH || walk.left-- <= 0) return TRUNCATED
  switch (typeof value) {
    case 'string':
      return scrubText(
        value.length > MAX_TEXT_CHARS ? `${value.slice(0, MAX_TEXT_CHARS)}${TRUNCATED}` : value,
      )
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'boolean':
    case 'undefined':
      return value
    case 'bigint':
      return String(value)
    case 'function':
    case 'symbol':
      return `[${typeof value}]`
    case 'object':
      return value === null ? null : copyObject(value, depth, walk)
  }
}

function copyObject(value: object, depth: number, walk: Walk): unknown {
  if (walk.path.has(value)) return '[circular]'
  walk.path.add(value)
  try {
    return copyByKind(value, depth, walk)
  } catch {
    return '[unreadable]' // a getter, a proxy or a toJSON that throws: a log line must not take its caller down
  } finally {
    walk.path.delete(value)
  }
}

function copyByKind(value: object, depth: number, walk: Walk): unknown {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
    return `[bytes ${value.byteLength}]`
  }
  if (value instanceof Error) return copyError(value, depth, walk)
  if (Array.isArray(value)) return isBytes(value) ? `[bytes ${value.length}]` : copyList(value, depth, walk)
  if (value instanceof Set) return copyList([...value], depth, walk)
  if (value instanceof Map || value instanceof Headers || value instanceof URLSearchParams) {
    return copyEntries([...value], depth, walk)
  }
  if (value instanceof URL || value instanceof RegExp) return copy(String(value), depth, walk)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  const { toJSON } = value as { toJSON?: unknown }
  if (typeof toJSON === 'function') return copy(toJSON.call(value), depth + 1, walk)
  const entries = readEntries(value)
  const bytes = bytesOfJson(entries)
  if (bytes !== undefined) return `[bytes ${bytes}]`
  return copyEntries(entries, depth, walk, labelled(entries))
}

// Bytes that somebody made a list of: whoever reads the numbers reads the text.
const isBytes = (list: readonly unknown[]): boolean =>
  list.length >= MIN_BYTES &&
  list.every((n) => Number.isInteger(n) && (n as number) >= 0 && (n as number) <= 255)

/** How many bytes there are in what a Buffer becomes in JSON. */
function bytesOfJson(entries: [string, unknown][]): number | undefined {
  const { type, data } = Object.fromEntries(entries)
  return type === 'Buffer' && Array.isArray(data) ? data.length : undefined
}

// Getter by getter, so that one that throws costs its own field and no other.
function readEntries(value: object): [string, unknown][] {
  return Object.keys(value)
    .slice(0, MAX_VALUES + 1)
    .map((name) => {
      try {
        return [name, (value as Record<string, unknown>)[name]]
      } catch {
        return [name, '[unreadable]']
      }
    })
}

// Pairs written out, as HAR files and some clients do: { name: 'authorization', value: '...' }.
function labelled(entries: [string, unknown][]): boolean {
  return entries.some(
    ([field, label]) =>
      (field === 'name' || field === 'key' || field === 'header') &&
      typeof label === 'string' &&
      isSensitiveName(label),
  )
}

function copyEntries(entries: [unknown, unknown][], depth: number, walk: Walk, hideValue = false) {
  const copied: Record<string, unknown> = {}
  for (const [key, value] of entries) {
    if (walk.left <= 0) {
      copied[TRUNCATED] = true
      break
    }
    const name = typeof key === 'object' ? JSON.stringify(copy(key, depth + 1, walk)) : String(key)
    const shown = name === '__proto__' ? '[__proto__]' : scrubText(name)
    const secret = (isSensitiveName(name) && !isFactAbout(name, value)) || (hideValue && name === 'value')
    copied[shown] = secret ? REDACTED : copy(value, depth + 1, walk)
  }
  return copied
}

function copyList(list: readonly unknown[], depth: number, walk: Walk): unknown[] {
  const copied: unknown[] = []
  for (const [i, item] of list.entries()) {
    if (walk.left <= 0) {
      copied.push(TRUNCATED)
      break
    }
    // Raw headers are a flat list of names and values, command lines are `--token`, `value`.
    const before = i > 0 ? list[i - 1] : undefined
    const named = typeof before === 'string' && before.length < 64 && isSensitiveName(before)
    copied.push(named && typeof item === 'string' ? REDACTED : copy(item, depth + 1, walk))
  }
  return copied
}

function copyError(error: Error, depth: number, walk: Walk): unknown {
  const own = readEntries(error).filter(([name]) => !['name', 'message', 'stack', 'cause'].includes(name))
  const head: [string, unknown][] = [
    ['type', error.name],
    ['message', error.message],
    ['stack', error.stack],
  ]
  if (error.cause !== undefined) head.push(['cause', error.cause])
  if (error instanceof AggregateError) head.push(['errors', error.errors])
  return copyEntries([...head, ...own], depth, walk)
}
