import { type AuditKey, genesis, hashEntry, isSealed, isSignedBy } from '@nora/crypto/audit-chain'
import {
  type AuditStatus,
  addCheckpoint,
  auditStatus,
  type CheckpointRow,
  chainedAfter,
  chainRows,
  checkpointsAfter,
  type HeldChain,
  holdingChain,
  reportAuditBroken,
  reportAuditKey,
  sealHead,
} from '@nora/db/audit-chain'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'

/** A place in the chain that was written down outside the database. */
export type KnownPlace = { position: number; hash: Buffer }

export type ChainDeps = {
  db: Kysely<DB>
  log: Logger
  /** The present key first, then those that the chain may still be sealed and signed with. */
  auditKeys: readonly AuditKey[]
}

/** Somebody changed the chain past Nora's own doors. It is not chained on: an operator must look. */
export class AuditBroken extends Error {
  readonly position: number

  constructor(position: number, what: string) {
    super(`the audit chain is broken at position ${position}: ${what}; see docs/audit.md`)
    this.name = 'AuditBroken'
    this.position = position
  }
}

const batch = 1_000
const checkpointRows = 1_000
const checkpointMs = 60_000
const otherKey = 'this worker does not have it; see ENCRYPTION_KEYS_PREVIOUS and docs/audit.md'

/**
 * One round: chains what waits and signs the end of the chain once a minute or every 1000 rows. Before either it makes
 * sure that the chain is the one that workers made: its end is sealed, and it holds what `known` remembers of it.
 * Gives how many rows were chained and whether a checkpoint was made. `looked` is the status for `known`, where the caller
 * has it already. Throws AuditBroken.
 */
export async function chainRound(
  { db, auditKeys }: ChainDeps,
  known: KnownPlace,
  looked?: AuditStatus,
): Promise<{ chained: number; signed: boolean; more: boolean }> {
  const status = looked ?? (await auditStatus(db, known.position))
  requireKnown(known, status.position, status.knownHash)
  if (status.checkpoint > status.position) {
    throw new AuditBroken(status.position + 1, `its tail is cut off: ${status.checkpoint} was signed`)
  }
  const [key] = auditKeys
  if (!key) throw new Error('a worker without an audit key')
  const isOther = (kid: Buffer | null) => kid !== null && !kid.equals(key.kid)
  const rekey = isOther(status.kid) || isOther(status.checkpointKid)
  const due = (position: number) =>
    position > status.checkpoint &&
    (rekey ||
      status.checkpointAgeMs === null ||
      status.checkpointAgeMs >= checkpointMs ||
      position - status.checkpoint >= checkpointRows)
  if (status.waiting === 0 && !rekey && !due(status.position))
    return { chained: 0, signed: false, more: false }
  return holdingChain(db, known.position, async (held) => {
    requireKnown(known, held.head.position, held.knownHash)
    requireSealed(auditKeys, held)
    // After the key was exchanged: soon nothing must depend on the old one any more.
    if (rekey) await reportAuditKey(held.tx, key.kid)
    const end = await chainRows(held.tx, batch)
    if (end.chained > 0) {
      await sealHead(held.tx, { ...end, kid: key.kid, mac: key.mac(end.position, end.hash) })
    }
    const signed = due(end.position) && (await signEnd(held, auditKeys, end, new Date()))
    return { chained: end.chained, signed, more: end.chained > 0 && status.waiting > end.chained }
  })
}

/** What was written down elsewhere must still be in the chain. */
export function requireKnown(known: KnownPlace, head: number, knownHash: Buffer | null): void {
  if (known.position === 0) return
  if (head < known.position) {
    throw new AuditBroken(head + 1, `its tail is cut off: this worker has written down ${known.position}`)
  }
  if (!knownHash?.equals(known.hash)) {
    throw new AuditBroken(known.position, 'it is not what this worker has written down')
  }
}

function requireSealed(keys: readonly AuditKey[], { head }: HeldChain): void {
  const { position, hash, kid, mac } = head
  if (position === 0 && hash.equals(genesis)) return
  const key = keys.find((one) => kid !== null && one.kid.equals(kid))
  if (!key) throw new Error(`the audit chain is sealed with another key at position ${position}: ${otherKey}`)
  if (mac === null || !isSealed(key, position, hash, mac)) {
    throw new AuditBroken(position, 'its end was not made by a worker')
  }
}

/** Signs the end of the chain, after computing anew everything since the last signature. False: that is signed already. */
async function signEnd(
  { tx }: HeldChain,
  keys: readonly AuditKey[],
  end: { position: number; hash: Buffer },
  at: Date,
): Promise<boolean> {
  const last = await lastCheckpoint(tx)
  if (last && last.position >= end.position) return false
  let place = last ? { position: last.position, hash: last.hash } : { position: 0, hash: genesis }
  if (last) requireSigned(keys, last)
  while (place.position < end.position) {
    const rows = await chainedAfter(tx, place.position, batch)
    if (rows.length === 0) throw new AuditBroken(place.position + 1, 'a place is missing')
    for (const row of rows) place = follow(place, row)
  }
  if (!place.hash.equals(end.hash))
    throw new AuditBroken(end.position, 'its end does not follow from its rows')
  const key = keys[0]!
  const { signature } = key.sign({
    position: end.position,
    hash: end.hash.toString('hex'),
    time: at.toISOString(),
    kid: key.kid.toString('hex'),
  })
  await addCheckpoint(tx, { ...end, madeAt: at, kid: key.kid, signature: Buffer.from(signature, 'hex') })
  return true
}

/** The place after `place`, if `row` is what follows there. Throws AuditBroken. */
export function follow(
  place: KnownPlace,
  row: { position: number; previous: Buffer; hash: Buffer; entry: string | null },
): KnownPlace {
  const position = place.position + 1
  if (row.position !== position) throw new AuditBroken(position, 'a place is missing')
  if (row.entry === null) throw new AuditBroken(position, 'its row is gone from the log')
  if (!row.previous.equals(place.hash))
    throw new AuditBroken(position, 'it does not follow from the row before')
  if (!hashEntry(place.hash, row.entry).equals(row.hash))
    throw new AuditBroken(position, 'its row was changed')
  return { position, hash: row.hash }
}

function requireSigned(keys: readonly AuditKey[], last: CheckpointRow): void {
  const checkpoint = wireCheckpoint(last)
  const key = keys.find((one) => one.kid.equals(last.kid))
  if (!key)
    throw new Error(`the audit chain was signed with another key at position ${last.position}: ${otherKey}`)
  if (!isSignedBy(key.publicKey, checkpoint))
    throw new AuditBroken(last.position, 'its checkpoint was not signed by a worker')
}

/** A checkpoint as files and signatures have it. */
export const wireCheckpoint = (row: CheckpointRow) => ({
  position: row.position,
  hash: row.hash.toString('hex'),
  time: row.madeAt.toISOString(),
  kid: row.kid.toString('hex'),
  signature: row.signature.toString('hex'),
})

async function lastCheckpoint(tx: HeldChain['tx']): Promise<CheckpointRow | undefined> {
  const { checkpoint } = await auditStatus(tx, 0)
  return checkpoint === 0 ? undefined : (await checkpointsAfter(tx, checkpoint - 1, 1))[0]
}

/** Has a broken chain audited, once for each place and process: the row waits with all others until somebody looks. */
export function brokenReporter({ db, log }: ChainDeps): (error: unknown) => Promise<void> {
  const reported = new Set<string>()
  return async (error) => {
    if (!(error instanceof AuditBroken) || reported.has(error.message)) return
    if (reported.size > 100) return
    reported.add(error.message)
    await reportAuditBroken(db, { position: error.position, reason: error.message }).catch((failure) =>
      log.error({ err: failure }, 'a broken audit chain was not audited'),
    )
  }
}
