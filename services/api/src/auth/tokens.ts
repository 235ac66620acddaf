import { randomBytes } from 'node:crypto'
import { hashToken } from '@nora/crypto/tokens'

/** A session may rest for a day and last for a week. Seconds. */
export const idleSeconds = 24 * 3600
export const absoluteSeconds = 7 * 24 * 3600

export type RefreshToken = {
  text: string
  /** What is stored. */
  hash: Buffer
  /** The session secret it carries: with it the api proves the session to Postgres when the access token has run out. */
  secret: Buffer
}

/** A new session's secret with its first refresh token: `<32 random bytes>.<session secret>`, both base64url. */
export function newRefreshToken(): RefreshToken {
  return join(randomBytes(32).toString('base64url'), randomBytes(32))
}

/** Reads a refresh token; undefined for any other text. */
export function readRefreshToken(text: string): RefreshToken | undefined {
  const match = /^([\w-]{43})\.([\w-]{43})$/.exec(text)
  return match ? join(match[1]!, Buffer.from(match[2]!, 'base64url'), text) : undefined
}

/**
 * The one successor of a refresh token: the first half that Postgres derived from it, and the same session secret. It is
 * not drawn, so that a client whose answer was lost (or that asked fifty times at once) gets the same one again within
 * the grace, although only its hash is stored.
 */
export const successorOf = (token: RefreshToken, firstHalf: Buffer): RefreshToken =>
  join(firstHalf.toString('base64url'), token.secret)

function join(
  random: string,
  secret: Buffer,
  text = `${random}.${secret.toString('base64url')}`,
): RefreshToken {
  return { text, hash: hashToken(text), secret }
}
