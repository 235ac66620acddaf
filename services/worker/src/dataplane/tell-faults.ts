import type { Logger } from '@nora/log/logger'
import type { GatewayStatus } from '../gateway/control-client.ts'

/** Logs what gateways say has failed in them, once: they report to nobody else. */
export function faultTeller(log: Logger) {
  const told = new Map<string, { bootId: string; count: number }>()
  return (
    row: { id: string; index: number },
    { bootId, faults }: Pick<GatewayStatus, 'bootId' | 'faults'>,
  ): void => {
    if (!faults?.last) return
    const before = told.get(row.id)
    const since = before?.bootId === bootId ? before.count : 0
    if (faults.count <= since) return
    told.set(row.id, { bootId, count: faults.count })
    const { name, stack, at } = faults.last
    const err = { type: name, message: 'a call failed in the gateway', stack: `${name}\n${stack}` }
    log.error({ err, gateway: row.index, faults: faults.count - since, at }, 'the gateway had a fault')
  }
}
