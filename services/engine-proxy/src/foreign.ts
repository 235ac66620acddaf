import { Foreign } from './owned.ts'
import type { Ours } from './policy/ours.ts'

/**
 * What the worker is told of somebody else's object that it asked for by one of our names, or by a full id: that it is
 * there and whose it is not, so that it can say so to people. Nothing of what the object holds.
 * Throws the refusal again for every other name, which then looks as if nothing were there to be seen.
 */
export function foreignView(error: unknown, asked: string, { prefix }: Ours): Buffer {
  if (!(error instanceof Foreign)) throw error
  if (!asked.startsWith(`${prefix}-`) && !/^[0-9a-f]{64}$/.test(asked)) throw error
  return Buffer.from(JSON.stringify(bare(error.found)))
}

/** Its names alone, in the shape of every kind at once. */
export function bare({ Id, Name }: Record<string, unknown>) {
  return {
    ...{ Id, Name, Labels: {}, Options: null },
    Config: { Labels: {} },
    State: { Status: '', Running: false, Paused: false, Restarting: false },
    ...{ HostConfig: {}, NetworkSettings: { Networks: {} } },
    ...{ IPAM: { Config: [] }, Containers: {} },
  }
}
