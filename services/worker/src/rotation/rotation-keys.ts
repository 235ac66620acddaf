import { createHash } from 'node:crypto'
import { deriveKey, deriveSealing, type SealKey } from '@nora/crypto/keys'
import type { Keyring } from '../secrets/open-secret.ts'

/** What re-sealing needs besides the keyring. */
export type RotationKeys = {
  /** The current key's write half. */
  sealKey: SealKey
  /** Shown to Postgres for the current key, and for older ones to make the current one known. */
  proof: Buffer
  olderProofs: readonly Buffer[]
}

type Versioned = { version: number; key: Buffer }

/** Derives them from the encryption keys, which the caller zeroes. */
export function rotationKeys(current: Versioned, previous: readonly Versioned[]): RotationKeys {
  return {
    sealKey: deriveSealing(current.key, current.version).sealKey,
    proof: deriveKey(current.key, 'rotation-proof'),
    olderProofs: previous.map(({ key }) => deriveKey(key, 'rotation-proof')),
  }
}

/** What Postgres keeps of a proof. */
export const verifierOf = (proof: Buffer): Buffer => createHash('sha256').update(proof).digest()

/** Names all that a worker opens with: a record that did not open is tried again by a worker that has other keys. */
export function keyringId({ keys, allowPlaintext }: Keyring): Buffer {
  const ids = keys.map((key) => `${key.version}:${key.kid8.toString('hex')}`).sort()
  return createHash('sha256')
    .update([...ids, allowPlaintext ? 'plaintext' : 'sealed'].join(' '))
    .digest()
}
