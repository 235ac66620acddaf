import { signCapability } from '@nora/crypto/capability'
import type { Deps } from '../deps.ts'
import type { OpenStream } from './admit-stream.ts'

/** The right of one admitted stream to one thing of a worker, for 30 seconds. */
export function streamCapability(
  deps: Pick<Deps, 'capabilitySeed' | 'clock'>,
  op: 'logs' | 'exec',
  stream: Pick<OpenStream, 'agentId' | 'workspaceId' | 'userId' | 'streamId'>,
): string {
  const now = Math.floor(deps.clock() / 1000)
  return signCapability(deps.capabilitySeed, {
    ...{ aud: 'worker', op, agent: stream.agentId, workspace: stream.workspaceId },
    ...{ sub: stream.userId, stream: stream.streamId, iat: now, exp: now + 30 },
  })
}
