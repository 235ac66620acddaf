import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'

// This file imports node:crypto and nothing else: the gateway's image carries it alone.

/** Who a capability is for. A holder of the public key accepts those for itself only. */
export type Audience = 'worker' | 'gateway' | 'gateway-control'

/** One permission to do one thing, for at most 30 seconds. Times are whole seconds since 1970. */
export type Claims = {
  readonly aud: Audience
  readonly op: string
  readonly agent?: string
  readonly workspace?: string
  readonly sub: string
  readonly stream?: string
  /** `hashBody` of the request's body: without it the body is not covered. */
  readonly bodySha256?: string
  /** `hashRequest` of the one request it is for: without it, any that fits the rest. */
  readonly request?: string
  readonly iat: number
  readonly exp: number
}

/** What a verifier demands. Each claim that is given must be in the token with exactly that value. */
export type Expected = {
  readonly audience: Audience
  /** Milliseconds since 1970; the clock unless given. */
  readonly now?: number
  readonly op?: string
  readonly agent?: string
  readonly workspace?: string
  readonly stream?: string
  readonly bodySha256?: string
  readonly request?: string
}

/** Says that a capability is not accepted. `reason` is for our own log; the caller is told the code alone. */
export class CapabilityError extends Error {
  readonly code = 'capability-invalid'
  readonly reason: string

  constructor(reason: string) {
    super('the capability is not valid')
    this.name = 'CapabilityError'
    this.reason = reason
  }
}

const MAX_LIFETIME_S = 30
const CLOCK_SKEW_S = 5
const MAX_TOKEN_CHARS = 4096
const FORM = 'not a capability'
const EXPIRED = 'expired'
const AUDIENCES: readonly string[] = ['worker', 'gateway', 'gateway-control']
const REQUIRED_TEXT = ['op', 'sub'] as const
const OPTIONAL_TEXT = ['agent', 'workspace', 'stream', 'bodySha256', 'request'] as const
const KNOWN: readonly string[] = ['aud', ...REQUIRED_TEXT, ...OPTIONAL_TEXT, 'iat', 'exp']
const EXPECTABLE = ['op', 'agent', 'workspace', 'stream', 'bodySha256', 'request'] as const
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')

/** Makes a token of claims. Throws CapabilityError when they are not what a verifier would accept. */
export type Signer = (claims: Claims) => string

/** A raw 32-byte Ed25519 public key, or several, each of which is accepted: while the private one is exchanged. */
export type AcceptedKeys = Buffer | readonly Buffer[]
/** Gives a token's claims. Throws CapabilityError for every failure alike. */
export type Verifier = (token: string, expected: Expected) => Claims

/**
 * Signs `v1.<claims>.<signature>`, both base64url: Ed25519 (RFC 8032) over the two parts before the signature.
 * @param privateSeed raw 32-byte Ed25519 seed; read once, here.
 */
export function capabilitySigner(privateSeed: Buffer): Signer {
  const key = privateKeyOf(privateSeed)
  return (claims) => {
    const problem = problemOf(claims)
    if (problem) throw new CapabilityError(problem)
    const body = `v1.${Buffer.from(JSON.stringify(claims), 'utf8').toString('base64url')}`
    return `${body}.${sign(null, Buffer.from(body, 'latin1'), key).toString('base64url')}`
  }
}

/** `capabilitySigner` for a single token. */
export function signCapability(privateSeed: Buffer, claims: Claims): string {
  return capabilitySigner(privateSeed)(claims)
}

/**
 * Checks signature, form, audience, time (5 s of clock skew) and every expected claim.
 *
 * A verifier may remember the last `remember` tokens whose signature and form it has found good, by their SHA-256, and
 * the claims in them: what does not depend on the moment or on the call is checked once a token. Audience, time and
 * expected claims are checked at every use, so that it accepts exactly what it would accept without memory.
 *
 * It does not remember in order to refuse: within its life a token can be presented again, so calls that must happen
 * once say so elsewhere, and tokens travel on loopback or a private network only.
 */
export function capabilityVerifier(accepted: AcceptedKeys, { remember = 0 } = {}): Verifier {
  const keys = [accepted].flat().map(publicKeyOf)
  if (keys.length === 0) throw new CapabilityError('no public key')
  const known = new Map<string, Claims>()
  return (token, expected) => {
    if (typeof token !== 'string' || token.length > MAX_TOKEN_CHARS) throw new CapabilityError(FORM)
    const id = remember > 0 ? hash('sha256', token, 'base64url') : ''
    const claims = known.get(id) ?? readClaims(keys, token)
    const problem = mismatchOf(claims, expected)
    if (problem === EXPIRED) known.delete(id)
    if (problem) throw new CapabilityError(problem)
    if (remember > 0) {
      known.delete(id) // and in again, so that the first of the map is the one longest unused
      known.set(id, claims)
    }
    if (known.size > remember) known.delete(known.keys().next().value as string)
    return claims
  }
}

/** `capabilityVerifier` for a single token. */
export function verifyCapability(accepted: AcceptedKeys, token: string, expected: Expected): Claims {
  return capabilityVerifier(accepted)(token, expected)
}

/** SHA-256 of a body, base64url: the value of the claim `bodySha256`. */
export function hashBody(body: string | Uint8Array): string {
  return hash('sha256', body, 'base64url')
}

/** SHA-256 of method and request target, base64url: the value of the claim `request`. */
export function hashRequest(method: string, target: string): string {
  return hash('sha256', `${method} ${target}`, 'base64url')
}

/** The raw 32-byte public key of a raw 32-byte Ed25519 seed. */
export function capabilityPublicKey(privateSeed: Buffer): Buffer {
  const key = createPublicKey(privateKeyOf(privateSeed))
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI_ED25519.length)
}

function privateKeyOf(privateSeed: Buffer): KeyObject {
  if (privateSeed.length !== 32) throw new CapabilityError('the private seed must have 32 bytes')
  const der = Buffer.concat([PKCS8_ED25519, privateSeed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  return key
}

function publicKeyOf(publicKey: Buffer): KeyObject {
  if (publicKey.length !== 32) throw new CapabilityError('the public key must have 32 bytes')
  return createPublicKey({ key: Buffer.concat([SPKI_ED25519, publicKey]), format: 'der', type: 'spki' })
}

// Nothing of the claims is looked at before the signature holds.
function readClaims(keys: readonly KeyObject[], token: string): Claims {
  const match = /^(v1\.([A-Za-z0-9_-]+))\.([A-Za-z0-9_-]{86})$/.exec(token)
  if (!match) throw new CapabilityError(FORM)
  const [, body, payload, signatureText] = match as unknown as [string, string, string, string]
  const signature = Buffer.from(signatureText, 'base64url')
  // 86 characters hold four bits more than 64 bytes: a second spelling of one signature is refused.
  if (signature.toString('base64url') !== signatureText) throw new CapabilityError('not canonical')
  const signed = Buffer.from(body, 'latin1')
  if (!keys.some((key) => verify(null, signed, key, signature))) throw new CapabilityError('bad signature')
  let claims: unknown
  try {
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
  } catch {
    throw new CapabilityError('the claims are not JSON')
  }
  const problem = problemOf(claims)
  if (problem) throw new CapabilityError(problem)
  return Object.freeze(claims) as Claims
}

function problemOf(claims: unknown): string | undefined {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return 'no claims'
  const given = claims as Record<string, unknown>
  const unknown = Object.keys(given).find((name) => !KNOWN.includes(name))
  if (unknown !== undefined) return 'an unknown claim'
  if (!AUDIENCES.includes(given['aud'] as string)) return 'aud is not known'
  for (const name of REQUIRED_TEXT) if (!isText(given[name])) return `${name} is missing`
  for (const name of OPTIONAL_TEXT) {
    if (given[name] !== undefined && !isText(given[name])) return `${name} is not text`
  }
  const { iat, exp } = given
  if (!Number.isSafeInteger(iat) || !Number.isSafeInteger(exp)) return 'iat and exp must be whole seconds'
  const lifetime = (exp as number) - (iat as number)
  if (lifetime <= 0 || lifetime > MAX_LIFETIME_S) return 'the lifetime is not 1 to 30 seconds'
  return undefined
}

function mismatchOf(claims: Claims, expected: Expected): string | undefined {
  if (claims.aud !== expected.audience) return 'meant for another audience'
  const now = (expected.now ?? Date.now()) / 1000
  // Written so that a NaN clock refuses.
  if (!(claims.iat <= now + CLOCK_SKEW_S)) return 'not valid yet'
  if (!(claims.exp > now - CLOCK_SKEW_S)) return EXPIRED
  for (const name of EXPECTABLE) {
    if (expected[name] !== undefined && claims[name] !== expected[name]) return `${name} differs`
  }
  return undefined
}

const isText = (value: unknown) => typeof value === 'string' && value !== '' && value.length <= 512
