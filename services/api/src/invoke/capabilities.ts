import { capabilitySigner, hashRequest } from '@nora/crypto/capability'

export type InvokeCall = {
  userId: string
  workspaceId: string
  agentId: string
  method: string
  target: string
}

const lifeS = 30
const reuseS = 5
const kept = 1_024

/**
 * Gives the capability for one call through the gateway: this user, agent, workspace, method and target, for 30 s.
 *
 * The same call within 5 s gets the same one, so that the gateway verifies one signature for many. That adds nothing to
 * what somebody who reads the wire can do: a capability is good for 30 s from its signature whether it is sent once or
 * often, and for nothing but that call. Nor does it outlive a permission: whoever calls is checked before each use, and
 * the gateway looks its route up each time.
 * @param seed raw 32-byte Ed25519 seed. @param clock milliseconds since 1970.
 */
export function invokeCapabilities(seed: Buffer, clock: () => number): (call: InvokeCall) => string {
  const sign = capabilitySigner(seed)
  const made = new Map<string, { token: string; iat: number }>()
  return ({ userId, workspaceId, agentId, method, target }) => {
    const iat = Math.floor(clock() / 1000)
    const request = hashRequest(method, target)
    const name = [userId, workspaceId, agentId, request].join(' ')
    const before = made.get(name)
    if (before && before.iat <= iat && iat < before.iat + reuseS) return before.token
    const claims = {
      aud: 'gateway',
      op: 'invoke',
      agent: agentId,
      workspace: workspaceId,
      sub: userId,
    } as const
    const token = sign({ ...claims, request, iat, exp: iat + lifeS })
    made.delete(name)
    made.set(name, { token, iat })
    if (made.size > kept) made.delete(made.keys().next().value as string)
    return token
  }
}
