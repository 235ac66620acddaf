import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ApiSettings } from '../deps.ts'

const flowSeconds = 600

/**
 * A round trip to a provider. Its secret is in the browser's cookie and nowhere else; everything that the round trip needs
 * is derived from it, and the database knows it by its hash. So what comes back belongs to the browser that went away.
 */
export type Flow = {
  secret: Buffer
  hash: Buffer
  state: string
  nonce: string
  /** RFC 7636: 43 characters. */
  codeVerifier: string
  codeChallenge: string
}

export const newFlow = (): Flow => flowOf(randomBytes(32))

function flowOf(secret: Buffer): Flow {
  const derive = (purpose: string) =>
    createHmac('sha256', secret).update(`nora/oauth/${purpose}`).digest('base64url')
  const codeVerifier = derive('pkce')
  return {
    secret,
    hash: createHash('sha256').update(secret).digest(),
    state: derive('state'),
    nonce: derive('nonce'),
    codeVerifier,
    codeChallenge: createHash('sha256').update(codeVerifier).digest('base64url'),
  }
}

/** The flow of this browser, or undefined when its cookie is gone or was never ours. */
export function flowOfCookie(config: ApiSettings, request: FastifyRequest): Flow | undefined {
  const text = request.cookies[cookie(config).name]
  if (text === undefined || !/^[\w-]{43}$/.test(text)) return undefined
  return flowOf(Buffer.from(text, 'base64url'))
}

/** SameSite=Lax: it must come along when the provider sends the browser back, and with nothing else of another site's. */
export function setFlowCookie(config: ApiSettings, reply: FastifyReply, flow: Flow): void {
  const { name, options } = cookie(config)
  reply.setCookie(name, flow.secret.toString('base64url'), { ...options, maxAge: flowSeconds })
}

export function clearFlowCookie(config: ApiSettings, reply: FastifyReply): void {
  const { name, options } = cookie(config)
  reply.clearCookie(name, options)
}

function cookie(config: ApiSettings) {
  const secure = config.publicUrl.startsWith('https:')
  return {
    name: `${secure ? '__Host-' : ''}nora_flow`,
    options: { path: '/', httpOnly: true, secure, sameSite: 'lax' },
  } as const
}

/** What is registered at the provider, to the letter: each has an address of its own, so that answers cannot be mixed up. */
export const redirectUri = (config: ApiSettings, provider: string): string =>
  `${config.publicUrl}/api/auth/oauth/${provider}/callback`
