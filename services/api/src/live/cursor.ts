import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { hkdf32 } from '@nora/crypto/hkdf'

/** How long ago a page may have heard and still be told what it missed. */
const keptMs = 10 * 60_000
const nonceBytes = 12
const tagBytes = 16
const timeBytes = 8
/** Of the text; a snapshot names every transaction that is open at its moment. */
export const maxCursor = 8_192

export type Cursors = {
  /** The text for a client that has seen a snapshot of Postgres, good for that `place` (a workspace) alone. */
  seal: (place: string, snapshot: string) => string
  /** The snapshot in a text that was sealed lately; undefined for anything else. */
  open: (place: string, cursor: string) => string | undefined
}

/**
 * Cursors that say nothing: a snapshot's numbers are those of the whole server, and tell how busy others are. AES-256-GCM under a key
 * that all api processes derive from the same seed.
 */
export function liveCursors(seed: Buffer, clock: () => number): Cursors {
  const key = hkdf32(seed, 'live-cursor')
  return {
    seal(place, snapshot) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      cipher.setAAD(Buffer.from(place))
      const at = Buffer.alloc(timeBytes)
      at.writeBigUInt64BE(BigInt(clock()))
      const sealed = Buffer.concat([cipher.update(at), cipher.update(snapshot, 'latin1'), cipher.final()])
      return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url')
    },
    open(place, cursor) {
      const all = Buffer.from(cursor.slice(0, maxCursor), 'base64url')
      if (all.length < nonceBytes + timeBytes + tagBytes) return undefined
      const nonce = all.subarray(0, nonceBytes)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(place))
      decipher.setAuthTag(all.subarray(-tagBytes))
      let opened: Buffer
      try {
        opened = Buffer.concat([decipher.update(all.subarray(nonceBytes, -tagBytes)), decipher.final()])
      } catch {
        return undefined // not ours, or of another place: the page looks at everything again
      }
      const age = clock() - Number(opened.readBigUInt64BE())
      return age < keptMs ? opened.toString('latin1', timeBytes) : undefined
    },
  }
}
