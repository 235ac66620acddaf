import { isIPv4 } from 'node:net'
import type { AcceptedKeys } from '@nora/crypto/capability'
import { type Pool, parsePool } from './addresses.ts'

export type Settings = { controlAddress: string; capabilityKey: AcceptedKeys; controlKey: Buffer; pool: Pool }

/**
 * Reads the four variables the worker sets; none is a secret. Gives every problem at once, each naming its variable.
 */
export function readSettings(env: Record<string, string | undefined>): Settings | { problems: string[] } {
  const problems: string[] = []
  const key = (name: string, text = env[name] ?? '') => {
    const raw = Buffer.from(text, 'base64url')
    if (raw.length !== 32) problems.push(`${name} must be the base64url of a raw 32-byte Ed25519 public key`)
    return raw
  }
  const controlAddress = env['GATEWAY_CONTROL_ADDRESS'] ?? ''
  if (!isIPv4(controlAddress) || controlAddress === '0.0.0.0') {
    problems.push('GATEWAY_CONTROL_ADDRESS must be the one IPv4 address to listen on')
  }
  // A comma list while the api's key is exchanged.
  const name = 'GATEWAY_CAPABILITY_PUBLIC_KEY'
  const capabilityKey = (env[name] ?? '').split(',').map((text) => key(name, text))
  const controlKey = key('GATEWAY_CONTROL_PUBLIC_KEY')
  let pool: Pool = { first: 0, size: 0 }
  try {
    pool = parsePool(env['GATEWAY_AGENT_POOL'] ?? '')
  } catch (error) {
    problems.push(`GATEWAY_AGENT_POOL: ${(error as Error).message}`)
  }
  return problems.length > 0 ? { problems } : { controlAddress, capabilityKey, controlKey, pool }
}
