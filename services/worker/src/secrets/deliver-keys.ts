import { type OperationActor, type Tx, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { reportSecurityEvent } from '@nora/db/fleet'
import { type AgentRow, agentOf, operationOf } from '@nora/db/worker-agents'
import {
  type AttachedKey,
  attachedSecrets,
  type Delivered,
  noteGiven,
  recentDeliveries,
  recordDelivery,
  type SealedRow,
} from '@nora/db/worker-credentials'
import { DomainError } from '@nora/domain/errors'
import { appendEvent } from '@nora/events/append'
import { runtimeNamed } from '@nora/runtimes/catalog'
import type { OpenedKey, SecretFile } from '@nora/runtimes/runtime'
import type { Backend, Target } from '../backends/backend.ts'
import { agentSpec } from '../reconcile/target.ts'
import { type ConfirmDeps, confirmedPermission } from './confirmed-permission.ts'
import { type Keyring, OpenFailure, openFields } from './open-secret.ts'
import { mayTravelWith } from './sealed-hosts.ts'
import { wipeFields } from './secret-fields.ts'

export type DeliverDeps = ConfirmDeps & {
  keyring: Keyring
  backend: Pick<Backend, 'writeSecrets'>
  /**
   * Deliveries to one agent within `seconds`, whichever worker made them; default 120 in 10 minutes. What takes a key or a
   * permission out of it may be as many more: nobody holds that up by asking for much else.
   */
  releaseLimit?: { count: number; seconds: number }
}

export type Delivery = {
  /** The number of the delivery that the agent has now. */
  keysVersion: number
  delivered: Delivered[]
  /** A key that the agent should have and has not got (in this version); `reason` is for people. */
  problem?: { credentialId: string; reason: string }
}

const defaultLimit = { count: 120, seconds: 600 }
const otherHost = 'its base URL was changed to a host that it was not sealed for'
const ownerRule = 'it is neither its agent owner’s own nor shared with the workspace any more'

/**
 * Gives an agent the current version of the keys attached to it, and no other: reads them as the operation (policies
 * check the owner rule again), opens each for this one use, writes the runtime's files, wipes every buffer, then
 * records versions, audit row and event in one fenced transaction. No key attached writes an empty `keys.json`.
 *
 * A key that does not open: the agent keeps all that it has, and `problem` says which and why; a security event, an
 * audit row and an event are written. Where a key or a permission is to be taken out of the agent, that goes before: it
 * gets the others and loses the one that does not open. A key that the owner rule refuses is treated as detached, and is
 * the `problem`. An exchange credential is told to trade as `confirmedPermission` finds.
 * @throws DomainError `not-found` (the agent is gone), `runtime-unknown`, `rate-limited` (too many deliveries; facts:
 * `retryAfterMs`); BackendError; NR409 when the lease is lost.
 */
export async function deliverKeys(
  deps: DeliverDeps,
  actor: OperationActor,
  target: Target,
  signal: AbortSignal,
): Promise<Delivery> {
  const { agent, attached, takesBack } = await withActor(deps.db, actor, (tx) =>
    readAttached(deps, tx, actor, target.agentId),
  )
  signal.throwIfAborted()
  const permitted = attached.flatMap((one) => one.row ?? [])
  const opened: OpenedKey[] = []
  const unopened: { row: SealedRow; reason: string }[] = []
  try {
    for (const row of permitted) {
      // Before anything is open that would have to be wiped.
      const permission = await confirmedPermission(deps, actor, row)
      const fields = mayTravelWith(row) ? await openOrReason(deps.keyring, row) : otherHost
      if (typeof fields === 'string') {
        if (!takesBack) return await refuse(deps, actor, agent, row, fields)
        unopened.push({ row, reason: fields })
        continue
      }
      const { id, kind, provider, label, baseUrl } = row
      opened.push({ id, kind, provider, label, baseUrl, permission, fields })
    }
    const keysVersion = agent.keys_version + 1
    const given = permitted.filter((row) => opened.some((key) => key.id === row.id))
    // Whoever follows the agent's log must know these before the agent can print them.
    await withActor(deps.db, actor, (tx) => noteGiven(tx, agent.id, given))
    await writeFiles(deps, agent, target, opened, keysVersion, signal)
    const delivery = await record(deps, actor, agent, attached, given, keysVersion)
    for (const { row, reason } of unopened) {
      const { problem } = await refuse(deps, actor, agent, row, reason)
      delivery.problem ??= problem!
    }
    return delivery
  } finally {
    for (const key of opened) wipeFields(key.fields)
  }
}

async function readAttached(
  deps: DeliverDeps,
  tx: Tx,
  actor: OperationActor,
  agentId: string,
): Promise<{ agent: AgentRow; attached: AttachedKey[]; takesBack: boolean }> {
  const agent = await agentOf(tx, agentId)
  if (!agent) throw new DomainError('not-found')
  const { count, seconds } = deps.releaseLimit ?? defaultLimit
  const operation = await operationOf(tx, actor.operationId)
  const takesBack = agent.keys_owed || operation?.input['takesKeyBack'] === true
  if ((await recentDeliveries(tx, agentId, seconds)) >= (takesBack ? 2 * count : count)) {
    deps.log.error(
      { alert: 'key-release-rate', agentId, workspaceId: agent.workspace_id, count, seconds },
      'keys are asked for too often for one agent: nothing more is released for now',
    )
    throw new DomainError('rate-limited', { agentId, retryAfterMs: 30_000 })
  }
  return { agent, attached: await attachedSecrets(tx, agentId), takesBack }
}

async function openOrReason(keyring: Keyring, row: SealedRow): Promise<Record<string, Buffer> | string> {
  try {
    return await openFields(keyring, row)
  } catch (error) {
    if (error instanceof OpenFailure) return error.reason
    throw error
  }
}

async function writeFiles(
  deps: DeliverDeps,
  agent: AgentRow,
  target: Target,
  keys: OpenedKey[],
  version: number,
  signal: AbortSignal,
): Promise<void> {
  const runtime = runtimeNamed(agent.runtime)
  if (!runtime) throw new DomainError('runtime-unknown', { runtime: agent.runtime })
  const files: SecretFile[] = runtime.secrets(agentSpec(agent), keys, version)
  try {
    await deps.backend.writeSecrets(target, files, signal)
  } finally {
    for (const file of files) file.content.fill(0)
  }
}

async function record(
  deps: DeliverDeps,
  actor: OperationActor,
  agent: AgentRow,
  attached: AttachedKey[],
  given: SealedRow[],
  keysVersion: number,
): Promise<Delivery> {
  const delivered = given.map((row) => ({ credentialId: row.id, secretVersion: row.secretVersion }))
  const refused = attached.filter(({ row }) => row === null).map(({ credentialId }) => credentialId)
  await withActor(deps.db, actor, async (tx) => {
    await recordDelivery(tx, agent.id, keysVersion, delivered)
    const facts = { keysVersion, keys: delivered, refused }
    await audit(tx, { ...entryOf(actor, agent), type: 'KEY_SYNCED', details: facts })
    await appendEvent(tx, keyOf(agent), 'keys.synced', { ...facts, operationId: actor.operationId })
  })
  const [credentialId] = refused
  if (credentialId === undefined) return { keysVersion, delivered }
  deps.log.warn({ agentId: agent.id, credentialId }, 'an attached key may not be given to this agent')
  return { keysVersion, delivered, problem: { credentialId, reason: ownerRule } }
}

async function refuse(
  deps: DeliverDeps,
  actor: OperationActor,
  agent: AgentRow,
  row: SealedRow,
  reason: string,
): Promise<Delivery> {
  const facts = { credentialId: row.id, keyVersion: row.keyVersion, secretVersion: row.secretVersion, reason }
  await withActor(deps.db, actor, async (tx) => {
    await reportSecurityEvent(tx, {
      type: 'SECRET_OPEN_FAILED',
      workspaceId: agent.workspace_id,
      target: { kind: 'credential', id: row.id },
      details: { ...facts, agentId: agent.id },
    })
    await audit(tx, { ...entryOf(actor, agent), type: 'KEY_SYNC_FAILED', details: facts })
    await appendEvent(tx, keyOf(agent), 'keys.failed', { ...facts, operationId: actor.operationId })
  })
  deps.log.error({ alert: 'secret-open-failed', agentId: agent.id, ...facts }, 'a stored key did not open')
  return { keysVersion: agent.keys_version, delivered: [], problem: { credentialId: row.id, reason } }
}

const keyOf = (agent: AgentRow) => ({ id: agent.id, workspaceId: agent.workspace_id })
const entryOf = (actor: OperationActor, agent: AgentRow) => ({
  actor: { kind: 'operation' as const, id: actor.operationId },
  workspaceId: agent.workspace_id,
  target: { kind: 'agent', id: agent.id },
})
