import { readFileSync } from 'node:fs'

/** One synced key. `apiKey` is a Buffer: its bytes live outside the JavaScript heap and are wiped on reload. */
export type Key = {
  id: string
  /** `llm` for what can chat; credentials of other services come in the same file. */
  kind: string
  provider: string
  label: string
  baseUrl: string | null
  model: string | null
  apiKey: Buffer | null
}

export type KeyRing = { version: number; keys: readonly Key[] }

export const noKeys: KeyRing = { version: 0, keys: [] }

const MAX_FILE = 1024 * 1024

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

function parseKey(entry: Record<string, unknown>): Key | null {
  const id = text(entry['id'])
  if (!id) return null
  const apiKey = text(entry['apiKey'])
  return {
    id,
    kind: text(entry['kind']) ?? 'llm',
    provider: text(entry['provider']) ?? '',
    label: text(entry['label']) ?? '',
    baseUrl: text(entry['baseUrl']),
    model: text(entry['model']),
    apiKey: apiKey === null ? null : Buffer.from(apiKey),
  }
}

/**
 * Reads the file the control plane writes: `{"version":n,"keys":[{"id","kind","provider","label","baseUrl","apiKey",...}]}`.
 * No file means no keys yet, which is a normal state. Throws an Error without any of the file's text when the file
 * is not that shape.
 */
export function readKeys(path: string): KeyRing {
  let raw: Buffer
  try {
    raw = readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return noKeys
    throw new Error(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code}`)
  }
  try {
    if (raw.length > MAX_FILE) throw new Error('too large')
    const parsed = JSON.parse(raw.toString('utf8')) as { version?: unknown; keys?: unknown }
    if (!Number.isSafeInteger(parsed.version) || !Array.isArray(parsed.keys)) throw new Error('wrong shape')
    const keys = parsed.keys.map(parseKey).filter((key) => key !== null)
    return { version: parsed.version as number, keys }
  } catch {
    // The parser's own message quotes the input, which is made of secrets.
    throw new Error(`${path} is not a key file: expected {"version":n,"keys":[...]}`)
  } finally {
    raw.fill(0)
  }
}

/** Wipes the secrets of a ring that is no longer used. */
export function wipeKeys(ring: KeyRing): void {
  for (const key of ring.keys) key.apiKey?.fill(0)
}
