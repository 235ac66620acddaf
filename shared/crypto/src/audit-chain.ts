import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { deriveKey } from './keys.ts'

/** A row of the audit log as it is chained: text, numbers below 2^53 and null only. `details` is JSON text. */
export type AuditEntry = Readonly<Record<string, string | number | null>>

/** What the chain was at a moment. Hex for bytes; `time` is RFC 3339 in UTC with milliseconds. */
export type Checkpoint = { position: number; hash: string; time: string; kid: string }
export type SignedCheckpoint = Checkpoint & { signature: string }

/** What a worker seals and signs the chain with. */
export type AuditKey = {
  /** First 8 bytes of SHA-256 over the public key. */
  readonly kid: Buffer
  /** Ed25519, 32 bytes raw: what an auditor keeps. */
  readonly publicKey: Buffer
  readonly sign: (checkpoint: Checkpoint) => SignedCheckpoint
  /** HMAC-SHA256 over 0x02, position and hash, under a key of its own. */
  readonly mac: (position: number, hash: Buffer) => Buffer
}

/** The chain begins with this in place of a hash. */
export const genesis: Buffer = Buffer.alloc(32)

const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * An entry by RFC 8785 (JCS). Flat objects of text, safe integers and null need no more of it than sorted names.
 * Throws TypeError for anything else.
 */
export function canonicalEntry(entry: AuditEntry): string {
  const members = Object.keys(entry)
    .sort()
    .map((name) => {
      const value = entry[name]
      const plain = value === null || typeof value === 'string' || Number.isSafeInteger(value)
      if (!plain) throw new TypeError('an audit entry holds text, whole numbers and null')
      return `${JSON.stringify(name)}:${JSON.stringify(value)}`
    })
  return `{${members.join(',')}}`
}

/** SHA-256 of 0x01, the hash before, and the canonical entry. */
export function hashEntry(previous: Buffer, canonical: string): Buffer {
  return createHash('sha256').update(Buffer.of(1)).update(previous).update(canonical, 'utf8').digest()
}

/**
 * Derives what signs (HKDF info `audit-sign`) and what seals (`audit-hmac`) from `ENCRYPTION_KEY`, which the caller may
 * zero afterwards.
 * @throws SealError `seal-key-invalid`.
 */
export function deriveAuditKey(encryptionKey: Buffer): AuditKey {
  const seed = deriveKey(encryptionKey, 'audit-sign')
  const macKey = deriveKey(encryptionKey, 'audit-hmac')
  const der = Buffer.concat([PKCS8_ED25519, seed])
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  for (const secret of [seed, der]) secret.fill(0)
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const publicKey = spki.subarray(SPKI_ED25519.length)
  const kid = keyIdOf(publicKey)
  return {
    kid,
    publicKey,
    sign: (checkpoint) => ({
      ...checkpoint,
      signature: sign(null, bytesOf(checkpoint), privateKey).toString('hex'),
    }),
    mac: (position, hash) => {
      const place = Buffer.alloc(8)
      place.writeBigUInt64BE(BigInt(position))
      return createHmac('sha256', macKey).update(Buffer.of(2)).update(place).update(hash).digest()
    },
  }
}

/** Whether a seal is the one that `key` makes. */
export function isSealed(key: AuditKey, position: number, hash: Buffer, mac: Buffer): boolean {
  const right = key.mac(position, hash)
  return mac.length === right.length && timingSafeEqual(mac, right)
}

/** Whether a checkpoint was signed by the holder of this raw 32-byte public key. False for anything malformed. */
export function isSignedBy(publicKey: Buffer, checkpoint: SignedCheckpoint): boolean {
  if (publicKey.length !== 32 || !/^[0-9a-f]{128}$/.test(checkpoint.signature)) return false
  if (checkpoint.kid !== keyIdOf(publicKey).toString('hex')) return false
  const key = createPublicKey({
    key: Buffer.concat([SPKI_ED25519, publicKey]),
    format: 'der',
    type: 'spki',
  })
  return verify(null, bytesOf(checkpoint), key, Buffer.from(checkpoint.signature, 'hex'))
}

/** The id that checkpoints name a public key by. */
function keyIdOf(publicKey: Buffer): Buffer {
  return createHash('sha256').update(publicKey).digest().subarray(0, 8)
}

// The first line keeps these signatures apart from all others; what follows is one canonical spelling.
function bytesOf({ position, hash, time, kid }: Checkpoint): Buffer {
  return Buffer.from(`nora audit checkpoint v1\n${canonicalEntry({ position, hash, time, kid })}`, 'utf8')
}
