import { refusalOf } from '@nora/db/actor'
import {
  introduceKey,
  type NewRecord,
  noteUnopened,
  type OldRecord,
  oldRecords,
  rotationState,
  sealedCounts,
  storeResealed,
} from '@nora/db/rotation'
import type { DB } from '@nora/db/schema'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import { type Keyring, OpenFailure } from '../secrets/open-secret.ts'
import { reseal } from './reseal.ts'
import { keyringId, type RotationKeys, verifierOf } from './rotation-keys.ts'

export type RotationDeps = { db: Kysely<DB>; log: Logger; keyring: Keyring; rotation: RotationKeys }

/** Rows of one transaction: a third of a second of locks, which only a person replacing one of these keys waits for. */
const batchRows = 200
/** Batches of one round: it ends within seconds, so that the loop's health says whether it works. */
const roundBatches = 10

/** Why Postgres does not take this worker's key, and what to do. */
const refusals: Record<string, string> = {
  'key-version-taken':
    'another key has that number; ENCRYPTION_KEYS_PREVIOUS must list every older number (<number>:retired when its key is gone)',
  'key-not-introduced':
    'the key before it must stand in ENCRYPTION_KEYS_PREVIOUS at the first start with this one',
}

/** How a batch went: rows read, re-sealed, and those that did not open. */
export type Batch = { read: number; resealed: number; unopened: number }

/**
 * Makes one batch of an older key's records this worker's own key's, in one transaction: all or nothing, so that a death
 * at any moment leaves every row whole under one of the two keys, and whoever comes next begins where it stopped. Rows that
 * another worker has in its hands are left to it. A row that does not open stays as it is and is reported once.
 * @throws NR403 `key-not-proven`.
 */
export async function resealBatch(deps: RotationDeps, signal: AbortSignal, rows = batchRows): Promise<Batch> {
  signal.throwIfAborted()
  const { keyring, rotation, log } = deps
  const key = { version: rotation.sealKey.version, proof: rotation.proof }
  const id = keyringId(keyring)
  return deps.db.transaction().execute(async (tx) => {
    const read = await oldRecords(tx, key, id, rows)
    const done: NewRecord[] = []
    let unopened = 0
    for (const record of read) {
      signal.throwIfAborted()
      const outcome = await resealOrReason(deps, record)
      if (typeof outcome !== 'string') done.push(outcome)
      else {
        unopened += 1
        const { id: credentialId, agentId, keyVersion, secretVersion } = record
        const facts = { credentialId, agentId, keyVersion, secretVersion, reason: outcome }
        if (await noteUnopened(tx, key, id, record, outcome)) {
          log.error(
            { alert: 'secret-open-failed', ...facts },
            'a stored key cannot be re-sealed: it does not open',
          )
        }
      }
    }
    signal.throwIfAborted()
    const resealed = done.length === 0 ? 0 : await storeResealed(tx, key, done)
    return { read: read.length, resealed, unopened }
  })
}

async function resealOrReason(
  { keyring, rotation }: RotationDeps,
  record: OldRecord,
): Promise<NewRecord | string> {
  try {
    return await reseal(keyring, rotation.sealKey, record)
  } catch (error) {
    if (error instanceof OpenFailure) return error.reason
    throw error
  }
}

/**
 * Gives the rotation loop's round; true: there is more to do at once. It makes the worker's key known first. A worker
 * without older keys has nothing to open old rows with, and does no more.
 */
export function rotator(deps: RotationDeps): (signal: AbortSignal) => Promise<boolean> {
  const { db, log, keyring, rotation } = deps
  const { version, kid8 } = rotation.sealKey
  const key = { version, proof: rotation.proof }
  let known = false
  let waitedFor = ''
  return async (signal) => {
    if (!known) await introduce()
    known = true
    if (keyring.keys.length < 2) return false
    for (let batches = 0; batches < roundBatches; batches++) {
      const { read, resealed, unopened } = await resealBatch(deps, signal)
      if (resealed + unopened < read) throw new Error('rows of a batch were not what had been read')
      if (read === 0) return look(signal)
      log.debug({ keyVersion: version, resealed, unopened }, 'stored keys were re-sealed')
    }
    return true
  }

  async function introduce(): Promise<void> {
    try {
      await introduceKey(db, { version, kid8, verifier: verifierOf(rotation.proof) }, rotation.olderProofs)
    } catch (cause) {
      const words = refusals[refusalOf(cause)?.code ?? '']
      throw words ? new Error(`encryption key ${version} is not accepted: ${words}`, { cause }) : cause
    }
  }

  async function look(signal: AbortSignal): Promise<false> {
    signal.throwIfAborted()
    const state = await rotationState(db, key, keyringId(keyring))
    const waitingFor = state.pending ? state.waitingFor.join(', ') : ''
    if (waitingFor !== waitedFor && waitingFor !== '') {
      log.info(
        { keyVersion: version, waitingFor: state.waitingFor },
        'rows wait until every worker has this key',
      )
    }
    waitedFor = waitingFor
    if (state.finishedNow) {
      const counts = (await sealedCounts(db)).map(({ keyVersion, credentials, givenSecrets, unopened }) => {
        return { keyVersion, stored: credentials, given: givenSecrets, unopened }
      })
      log.info(
        { keyVersion: version, resealed: state.resealed, counts },
        'stored keys are sealed with the current key',
      )
    }
    return false
  }
}
