import { createHash, randomBytes } from 'node:crypto'
import { hashRaw } from '@node-rs/argon2'
import { SealError } from './errors.ts'
import { createGate } from './gate.ts'

// The second option of RFC 9106 section 4 (64 MiB, three passes), with one lane instead of four because the gate
// below already fills the cores. Algorithm 2 is argon2id; the library's enum exists for the compiler only.
const PARAMETERS = { memoryCost: 65_536, timeCost: 3, parallelism: 1 } as const
const FIXED = { algorithm: 2, outputLen: 32 } as const
const MAX_MEMORY_KIB = 262_144
const MAX_PASSES = 10

// Four at once is 256 MiB and all four threads that libuv has unless UV_THREADPOOL_SIZE says otherwise; HPKE, files
// and name look-ups share them, and wait meanwhile. The bound keeps a flood of sign-ins from queueing for longer
// than anyone waits: 200 of them are about 5 s of work on two cores.
const gate = createGate(4, 200)

const saltText = (salt: Buffer) => {
  const { memoryCost: m, timeCost: t, parallelism: p } = PARAMETERS
  return `$argon2id$v=19$m=${m},t=${t},p=${p}$${salt.toString('base64').replace(/=+$/, '')}`
}

// Stands for the salt of an account that does not exist.
const NOBODY = saltText(Buffer.alloc(16, 1))

/**
 * What is kept of a password. `salt` is a PHC string without its hash: how to hash. `verifier` is SHA-256 of the hash:
 * it tells the right hash from others and does not pass for it, so whoever reads both still lacks what signs in.
 */
export type StoredPassword = { salt: string; verifier: Buffer }

/**
 * Makes what is kept of a new password: argon2id with a random salt.
 * The password is normalized (NFKC), so that it does not matter on which keyboard an accent was typed.
 * @param signal gives up while waiting for a turn; what has begun is finished.
 * @throws SealError `busy` when 200 are waiting already.
 */
export async function makePassword(password: string, signal?: AbortSignal): Promise<StoredPassword> {
  const salt = saltText(randomBytes(16))
  return { salt, verifier: verifierOf(await provePassword(salt, password, signal)) }
}

/**
 * The hash of a password, which proves it to whoever holds the verifier. For an account that does not exist (`salt` null)
 * the same work is done, so that the time of the answer does not say so; the result proves nothing then.
 * @throws SealError `password-hash-invalid` when `salt` is not an argon2id salt of sane cost (a damaged or planted row
 * must not look like a wrong password, nor take 4 GiB), and `busy`.
 */
export function provePassword(salt: string | null, password: string, signal?: AbortSignal): Promise<Buffer> {
  const options = { ...readSalt(salt ?? NOBODY), ...FIXED }
  return gate(() => hashRaw(password.normalize('NFKC'), options), signal)
}

/** What is stored of a proof. */
export const verifierOf = (proof: Buffer): Buffer => createHash('sha256').update(proof).digest()

function readSalt(text: string) {
  const found =
    /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})$/.exec(text) ?? []
  const [memoryCost = 0, timeCost = 0, parallelism = 0] = found.slice(1, 4).map(Number)
  const sane = memoryCost <= MAX_MEMORY_KIB && timeCost <= MAX_PASSES
  if (!found[4] || !sane)
    throw new SealError('password-hash-invalid', 'the stored password hash is not usable')
  return { memoryCost, timeCost, parallelism, salt: Buffer.from(found[4], 'base64') }
}
