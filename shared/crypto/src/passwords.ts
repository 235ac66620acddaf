import { hash, parseOptions, verify } from '@node-rs/argon2'
import { SealError } from './errors.ts'
import { createGate } from './gate.ts'

// The second option of RFC 9106 section 4 (64 MiB, three passes), with one lane instead of four because the gate
// below already fills the cores. Algorithm 2 is argon2id; the library's enum exists for the compiler only.
const PARAMETERS = { algorithm: 2, memoryCost: 65_536, timeCost: 3, parallelism: 1, outputLen: 32 } as const
const MAX_MEMORY_KIB = 262_144
const MAX_PASSES = 10

// Four at once is 256 MiB and all four threads that libuv has unless UV_THREADPOOL_SIZE says otherwise; HPKE, files
// and name look-ups share them, and wait meanwhile. The bound keeps a flood of sign-ins from queueing for longer
// than anyone waits: 200 of them are about 5 s of work on two cores.
const gate = createGate(4, 200)

// The hash of a random password that was thrown away, with today's parameters.
const NOBODY =
  '$argon2id$v=19$m=65536,t=3,p=1$QAIwk3BNs2JsyGhhm0I+9Q$SM/DzFSpR/H0kmseGjjrhzq9dkwO2siU9xOEqINnbUU'

/**
 * Hashes a password for storage: argon2id with a random salt, as a PHC string that names its parameters.
 * The password is normalized (NFKC), so that it does not matter on which keyboard an accent was typed.
 * @param signal gives up while waiting for a turn; what has begun is finished.
 * @throws SealError `busy` when 200 are waiting already.
 */
export function hashPassword(password: string, signal?: AbortSignal): Promise<string> {
  return gate(() => hash(password.normalize('NFKC'), PARAMETERS), signal)
}

/**
 * True when the password is the one that `stored` was made from.
 * @throws SealError `password-hash-invalid` when `stored` is not an argon2id hash of sane cost (a damaged or planted
 * row must not look like a wrong password, nor take 4 GiB), and `busy`.
 */
export async function verifyPassword(
  stored: string,
  password: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = parametersOf(stored)
  if (found.algorithm !== 2 || found.memoryCost > MAX_MEMORY_KIB || found.timeCost > MAX_PASSES) {
    throw new SealError('password-hash-invalid', 'the stored password hash is not usable')
  }
  return gate(() => verify(stored, password.normalize('NFKC')), signal)
}

/**
 * Does the work of `verifyPassword` for an account that does not exist, so that the time of the answer does not say
 * so. Always false.
 */
export async function verifyAgainstNothing(password: string, signal?: AbortSignal): Promise<false> {
  await verifyPassword(NOBODY, password, signal)
  return false
}

/** True when `stored` was made with other parameters than today's: hash the password anew after it verified. */
export function needsRehash(stored: string): boolean {
  const found = parametersOf(stored)
  return (Object.keys(PARAMETERS) as (keyof typeof PARAMETERS)[]).some((k) => found[k] !== PARAMETERS[k])
}

function parametersOf(stored: string) {
  try {
    return parseOptions(stored)
  } catch {
    throw new SealError('password-hash-invalid', 'the stored password hash is not usable')
  }
}
