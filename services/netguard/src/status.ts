import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'

/** What the guard says of itself, for the worker and for `--doctor`. Written at each look: an old one means it is gone. */
export type GuardStatus = {
  ok: boolean
  /** RFC 3339: when it last looked. */
  at: string
  /** RFC 3339: when the rules were last written. */
  writtenAt: string | null
  /** How often they were put back because something else changed them. */
  putBack: number
  rules: number
  /** For people: what is wrong, or what last happened. */
  reason: string
}

/** Replaces the file as a whole; readable by all, since it holds nothing that needs hiding. */
export async function writeStatus(path: string, status: GuardStatus): Promise<void> {
  const fresh = `${path}.${randomBytes(4).toString('hex')}`
  await writeFile(fresh, `${JSON.stringify(status)}\n`, { mode: 0o644 })
  await rename(fresh, path)
}
