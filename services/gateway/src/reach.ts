import { connect } from 'node:net'
import ipaddr from 'ipaddr.js'

export type ReachTarget = { address: string; port: number }
export type ReachRequest = { targets: ReachTarget[]; timeoutMs: number }
/** `open`: it was connected. `no-answer`: nothing came back in time. Otherwise the error's code, `ECONNREFUSED` for instance. */
export type ReachResult = ReachTarget & { outcome: string }

const MOST_TARGETS = 32

/** Null when the body is not `{targets: [{address, port}], timeoutMs}`: 1 to 32 plain IPv4 addresses, 1 to 5000 ms. */
export function parseReach(body: Buffer): ReachRequest | null {
  try {
    const { targets, timeoutMs } = JSON.parse(body.toString('utf8')) as Record<string, unknown>
    const fits =
      Array.isArray(targets) &&
      targets.length >= 1 &&
      targets.length <= MOST_TARGETS &&
      targets.every(isTarget) &&
      isWhole(timeoutMs, 5_000)
    return fits ? { targets: targets.map(({ address, port }) => ({ address, port })), timeoutMs } : null
  } catch {
    return null
  }
}

function isTarget(value: unknown): value is ReachTarget {
  const { address, port } = (value ?? {}) as Record<string, unknown>
  return typeof address === 'string' && ipaddr.IPv4.isValidFourPartDecimal(address) && isWhole(port, 65_535)
}

const isWhole = (value: unknown, most: number): value is number =>
  Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most

/**
 * Tries to connect to each from here, which is from inside the agents' pool: the worker asks whether the host guard closes
 * its own host. Nothing is sent on a connection that opens.
 */
export const reach = ({ targets, timeoutMs }: ReachRequest): Promise<ReachResult[]> =>
  Promise.all(targets.map(async (target) => ({ ...target, outcome: await dial(target, timeoutMs) })))

function dial({ address, port }: ReachTarget, timeoutMs: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port })
    const end = (outcome: string) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(outcome)
    }
    const timer = setTimeout(end, timeoutMs, 'no-answer')
    socket.on('connect', () => end('open'))
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'failed'))
  })
}
