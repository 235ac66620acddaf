import type {
  ExchangeCredential,
  ExchangePermission,
  UpdateExchangeCredential,
} from '@nora/contract/exchange-credentials'
import { type Tx, withActor } from '@nora/db/actor'
import { lockWorkspace } from '@nora/db/agents'
import { credentialById, holdersOf, setPermission, updateCredentialLabels } from '@nora/db/credentials'
import { DomainError } from '@nora/domain/errors'
import { ringAll } from '../agents/ring-all.ts'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import type { RequestActor } from '../http/sessions.ts'
import { ownKey } from '../provider-keys/own-key.ts'
import { queueSyncs } from '../provider-keys/sync-holders.ts'
import { exchangeCredentials } from './exchange-view.ts'

const notice = 'Agents that hold it learn that they may trade with their next start or sync.'

/**
 * Changes the label of an own credential, or what agents are told that they may do with it: more with their next sync, less
 * at once. DomainError `not-found`, and those of `enableTrading`.
 */
export async function changeCredential(
  deps: Deps,
  who: RequestActor,
  id: string,
  { permission, label }: UpdateExchangeCredential,
): Promise<ExchangeCredential> {
  const { view, operations, enabled } = await withActor(deps.db, who.actor, async (tx) => {
    await lockWorkspace(tx, who.workspaceId)
    const { permission: before } = await ownKey(tx, exchangeCredentials, who, id)
    const changes = permission !== undefined && permission !== before
    const operations = changes ? await changePermission(deps, tx, who, id, permission) : []
    if (label !== undefined) {
      await updateCredentialLabels(tx, id, { label })
      const target = { kind: exchangeCredentials.target, id }
      await auditAction(tx, who, 'EXCHANGE_CREDENTIAL_CHANGED', target, { changed: ['label'] })
    }
    const row = await credentialById(tx, 'exchange', id)
    const enabled = changes && permission === 'trading_enabled'
    return { view: exchangeCredentials.view(row!), operations, enabled }
  })
  await ringAll(deps, operations)
  return enabled && view.usedBy.length > 0 ? { ...view, notice } : view
}

async function changePermission(
  deps: Deps,
  tx: Tx,
  who: RequestActor,
  id: string,
  permission: ExchangePermission,
): Promise<(string | null)[]> {
  if (permission === 'trading_enabled') {
    await enableTrading(deps, tx, who, id)
    return []
  }
  // Agents before the key, as everywhere.
  const holders = await holdersOf(tx, id)
  await setPermission(tx, who.actor, id, permission, who)
  return queueSyncs(tx, who, holders)
}

/**
 * Enables trading with an own credential. What it asks of the person is asked by Postgres (`nora.require_trading_approval`):
 * a step-up of this session. DomainError `trading-needs-sealing`; raises NR403 `step-up-required`.
 */
export async function enableTrading(deps: Deps, tx: Tx, who: RequestActor, id: string): Promise<void> {
  if (deps.config.allowPlaintextSecrets) throw new DomainError('trading-needs-sealing')
  await setPermission(tx, who.actor, id, 'trading_enabled', who)
}
