import { type OperationActor, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { reportSecurityEvent } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import type { SealedRow } from '@nora/db/worker-credentials'
import type { Logger } from '@nora/log/logger'
import type { RelyingParty } from '@nora/passkeys/relying-party'
import type { Kysely } from 'kysely'
import { checkAction } from '../passkeys/check-action.ts'

export type ConfirmDeps = {
  db: Kysely<DB>
  log: Logger
  /** For whom passkeys sign, by this worker's own settings. undefined: it can confirm nothing. */
  relyingParty?: RelyingParty | undefined
}

/**
 * What an agent is told that it may do with this credential. `trading_enabled` in the row is the api's word; where the owner
 * has passkeys, this worker wants a passkey's word for this very credential too, and checks it itself. Without one the
 * agent is told `read_only`, with a security event and an audit row that say why.
 */
export async function confirmedPermission(
  deps: ConfirmDeps,
  actor: OperationActor,
  row: SealedRow,
): Promise<SealedRow['permission']> {
  if (row.permission !== 'trading_enabled') return row.permission
  const check = { action: 'exchange:trade', targetId: row.id, userId: row.ownerId } as const
  const verdict = await withActor(deps.db, actor, (tx) =>
    checkAction(tx, deps.relyingParty, check, { once: false }),
  )
  if (verdict === 'confirmed' || verdict === 'not-enrolled') return row.permission
  const target = { kind: 'credential', id: row.id }
  const details = { action: check.action, verdict, operationId: actor.operationId }
  await withActor(deps.db, actor, async (tx) => {
    const { workspaceId } = row
    await reportSecurityEvent(tx, { type: 'PASSKEY_WORD_REFUSED', workspaceId, target, details })
    const by = { kind: 'operation', id: actor.operationId } as const
    await audit(tx, { type: 'TRADING_WITHHELD', actor: by, workspaceId, target, details: { verdict } })
  })
  deps.log.error(
    { alert: 'passkey-word-refused', credentialId: row.id, verdict },
    'trading is enabled in the database, but no passkey of its owner says so: the agent is told read_only',
  )
  return 'read_only'
}
