import { randomUUID } from 'node:crypto'
import jwt from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import type { Deps } from '../deps.ts'
import type { Transport } from './credentials.ts'

/** Ten minutes: how long a stolen token works where nobody ends its session (which works at once). */
export const accessTokenSeconds = 600

export type AccessClaims = {
  userId: string
  sessionId: string
  /** The session secret, 32 bytes: the proof that Postgres checks. */
  secret: Buffer
  transport: Transport
}

export type AccessTokens = {
  /** Signs with the first JWT_SECRET. */
  sign: (claims: AccessClaims) => string
  /** The claims of a token that any JWT_SECRET verifies, or undefined for every other text. */
  verify: (token: string) => AccessClaims | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    accessTokens: AccessTokens
    /** Those of the admin app: neither kind is taken for the other. */
    adminTokens: AccessTokens
  }
}

type Wire = { sub: string; sid: string; sec: string; via: Transport }
type Namespace = { sign: (payload: object) => string; verify: (token: string) => Wire }

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const issuer = 'nora'

/** Makes both kinds of access token. */
export async function installAccessTokens(app: FastifyInstance, deps: Deps): Promise<void> {
  app.decorate('accessTokens', await tokensFor(app, deps, 'nora-api'))
  app.decorate('adminTokens', await tokensFor(app, deps, 'nora-admin'))
}

/**
 * JWTs (RFC 7519), HS256 alone (RFC 8725 3.1), never cached. One namespace a secret, because a verifier made for one key in
 * advance is quick and a list of keys is not something the library takes.
 */
async function tokensFor(app: FastifyInstance, deps: Deps, audience: string): Promise<AccessTokens> {
  const { jwtSecrets } = deps.config
  const nameOf = (index: number) => `${audience}${index}`
  for (const [index, secret] of jwtSecrets.entries()) {
    await app.register(jwt, {
      namespace: nameOf(index),
      secret,
      sign: { algorithm: 'HS256', iss: issuer, aud: audience },
      verify: {
        algorithms: ['HS256'],
        allowedIss: issuer,
        allowedAud: audience,
        requiredClaims: ['iss', 'aud', 'sub', 'sid', 'jti', 'sec', 'via', 'iat', 'exp'],
        cache: false,
      },
    })
  }
  const namespaces = jwtSecrets.map(
    (_, index) => (app.jwt as unknown as Record<string, Namespace>)[nameOf(index)]!,
  )
  return {
    sign({ userId, sessionId, secret, transport }) {
      const iat = Math.floor(deps.clock() / 1000)
      const sec = secret.toString('base64url')
      const claims = { sub: userId, sid: sessionId, jti: randomUUID(), sec, via: transport }
      return namespaces[0]!.sign({ ...claims, iat, exp: iat + accessTokenSeconds })
    },
    verify(token) {
      for (const namespace of namespaces) {
        const claims = tryVerify(namespace, token)
        if (claims) return claims
      }
      return undefined
    },
  }
}

function tryVerify(namespace: Namespace, token: string): AccessClaims | undefined {
  let wire: Wire
  try {
    wire = namespace.verify(token)
  } catch {
    return undefined // another secret's, expired, or no token of ours at all: to the caller they are the same
  }
  // Signed by us, so of this shape; unless somebody else has learnt the key, and they get no further than here.
  const shaped = uuid.test(wire.sub) && uuid.test(wire.sid) && /^[\w-]{43}$/.test(wire.sec)
  if (!shaped || (wire.via !== 'cookie' && wire.via !== 'bearer')) return undefined
  const secret = Buffer.from(wire.sec, 'base64url')
  return { userId: wire.sub, sessionId: wire.sid, secret, transport: wire.via }
}
