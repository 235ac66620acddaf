import { createHash, createHmac, randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ApiSettings } from '../deps.ts'

/** Five minutes, as Postgres has it. */
export const secondFactorSeconds = 300

/** What stands for a sign-in that has shown its first factor: one use, with the challenge that its passkey is to sign. */
export type SecondFactorToken = {
  text: string
  secret: Buffer
  hash: Buffer
  /** base64url. Derived, so that it is as random, as secret at rest and as much one-use as the token. */
  challenge: string
}

export const newSecondFactorToken = (): SecondFactorToken => tokenOf(randomBytes(32))

/** Reads a token's text; undefined for any other. */
export function readSecondFactorToken(text: string | undefined): SecondFactorToken | undefined {
  return text !== undefined && /^[\w-]{43}$/.test(text) ? tokenOf(Buffer.from(text, 'base64url')) : undefined
}

function tokenOf(secret: Buffer): SecondFactorToken {
  return {
    text: secret.toString('base64url'),
    secret,
    hash: createHash('sha256').update(secret).digest(),
    challenge: createHmac('sha256', secret).update('nora/second-factor').digest('base64url'),
  }
}

/** After a provider's redirect there is no body to put the token into: it waits in a cookie that no script reads. */
export function setSecondFactorCookie(
  config: ApiSettings,
  reply: FastifyReply,
  token: SecondFactorToken,
): void {
  const { name, options } = cookie(config)
  reply.setCookie(name, token.text, { ...options, maxAge: secondFactorSeconds })
}

export function clearSecondFactorCookie(config: ApiSettings, reply: FastifyReply): void {
  const { name, options } = cookie(config)
  reply.clearCookie(name, options)
}

export const secondFactorCookie = (config: ApiSettings, request: FastifyRequest): string | undefined =>
  request.cookies[cookie(config).name]

function cookie(config: ApiSettings) {
  const secure = config.publicUrl.startsWith('https:')
  return {
    name: `${secure ? '__Host-' : ''}nora_2f`,
    options: { path: '/', httpOnly: true, secure, sameSite: 'strict' },
  } as const
}
