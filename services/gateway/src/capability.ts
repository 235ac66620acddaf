import type { IncomingMessage } from 'node:http'
import { type Audience, CapabilityError, type Claims, hashBody, type Verifier } from '@nora/crypto/capability'

/**
 * The claims of the call's `X-Nora-Capability`, or null when it does not allow exactly this: the audience, the
 * operation and, where given, the agent, the body and the request itself.
 */
export function capabilityOf(
  req: IncomingMessage,
  verify: Verifier,
  expected: { audience: Audience; op: string; agent?: string; body?: Buffer; request?: string },
): Claims | null {
  const token = req.headers['x-nora-capability']
  if (typeof token !== 'string') return null
  const { body, ...claims } = expected
  try {
    return verify(token, { ...claims, ...(body && { bodySha256: hashBody(body) }) })
  } catch (error) {
    if (error instanceof CapabilityError) return null
    throw error
  }
}
