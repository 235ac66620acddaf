import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { hashRawSync } from '@node-rs/argon2'
import { SealError } from './errors.ts'

// Tried offline by whoever has the file, so it costs far more than a sign-in: RFC 9106 argon2id, some half a second here.
const COST = { memoryCost: 262_144, timeCost: 3, parallelism: 1 } as const
// A file that somebody else wrote must not take all memory, or a day: more than this is not begun.
const MOST = { memoryCost: 524_288, timeCost: 10, parallelism: 4 } as const
const LEAST_MEMORY_KIB = 65_536
const MAX_CHARS = 1024
/** Fewer characters than an account's password needs protect no key. */
export const leastPassphraseChars = 12

const SHAPE =
  /^nora-sealed-key 1\nargon2id m=([1-9]\d{0,6}) t=([1-9]\d?) p=([1-9])\nsalt ([A-Za-z0-9_-]{22})\nnonce ([A-Za-z0-9_-]{16})\nbox ([A-Za-z0-9_-]{64})\n$/

/**
 * Encrypts a 32-byte key under a passphrase (argon2id, AES-256-GCM): a text of five lines, of which all but the last are
 * authenticated with it. @throws SealError `seal-input-invalid` for another length or a passphrase of under 12 characters.
 */
export function sealKeyFile(key: Buffer, passphrase: string): string {
  if (key.length !== 32) throw new SealError('seal-input-invalid', 'a key to seal has 32 bytes')
  if ([...passphrase].length < leastPassphraseChars) {
    throw new SealError('seal-input-invalid', `a passphrase has at least ${leastPassphraseChars} characters`)
  }
  const [salt, nonce] = [randomBytes(16), randomBytes(12)]
  const { memoryCost: m, timeCost: t, parallelism: p } = COST
  const head = `nora-sealed-key 1\nargon2id m=${m} t=${t} p=${p}\nsalt ${text(salt)}\nnonce ${text(nonce)}\n`
  const derived = derive(passphrase, salt, COST)
  try {
    const cipher = createCipheriv('aes-256-gcm', derived, nonce).setAAD(Buffer.from(head))
    const box = Buffer.concat([cipher.update(key), cipher.final(), cipher.getAuthTag()])
    return `${head}box ${text(box)}\n`
  } finally {
    derived.fill(0)
  }
}

/**
 * Opens what `sealKeyFile` made; the caller zeroes the 32 bytes.
 * @throws SealError `seal-open-failed`, the same for a wrong passphrase, an edited file and what is no such file. Costs outside
 * 64 to 512 MiB, 10 passes and 4 lanes are refused before any work.
 */
export function openKeyFile(file: string, passphrase: string): Buffer {
  const found = file.length <= MAX_CHARS ? SHAPE.exec(file) : null
  if (!found) throw doesNotOpen()
  const [memoryCost = 0, timeCost = 0, parallelism = 0] = found.slice(1, 4).map(Number)
  const sane =
    memoryCost >= LEAST_MEMORY_KIB &&
    memoryCost <= MOST.memoryCost &&
    timeCost <= MOST.timeCost &&
    parallelism <= MOST.parallelism
  if (!sane) throw doesNotOpen()
  const [salt, nonce, box] = found.slice(4).map((one) => Buffer.from(one, 'base64url')) as [
    Buffer,
    Buffer,
    Buffer,
  ]
  // The last character of a text may carry spare bits: only the canonical spelling is taken.
  if ([salt, nonce, box].some((bytes, at) => text(bytes) !== found[4 + at])) throw doesNotOpen()
  const derived = derive(passphrase, salt, { memoryCost, timeCost, parallelism })
  try {
    const head = file.slice(0, file.indexOf('box '))
    const cipher = createDecipheriv('aes-256-gcm', derived, nonce).setAAD(Buffer.from(head))
    cipher.setAuthTag(box.subarray(32))
    return Buffer.concat([cipher.update(box.subarray(0, 32)), cipher.final()])
  } catch {
    throw doesNotOpen()
  } finally {
    derived.fill(0)
  }
}

const text = (bytes: Buffer) => bytes.toString('base64url')

type Cost = { memoryCost: number; timeCost: number; parallelism: number }

/** Normalized, so that it does not matter on which keyboard an accent was typed. Algorithm 2 is argon2id. */
const derive = (passphrase: string, salt: Buffer, cost: Cost): Buffer =>
  hashRawSync(passphrase.normalize('NFKC'), { ...cost, salt, algorithm: 2, outputLen: 32 })

const doesNotOpen = () =>
  new SealError('seal-open-failed', 'the passphrase is wrong, or the file is no sealed key or was changed')
