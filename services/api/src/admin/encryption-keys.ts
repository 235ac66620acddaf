import type { AdminKeys } from '@nora/contract/admin-server'
import type { adminKeys } from '@nora/db/admin-server'

type Found = Awaited<ReturnType<typeof adminKeys>>
type Key = AdminKeys['keys'][number]

const idBytes = 8
/** A rate that is older than this tells nothing of what is left. */
const movingMs = 60_000

/** The ids of keys, eight bytes each, as hex. */
export function idsOf(all: Buffer): string[] {
  const ids: string[] = []
  for (let at = 0; at < all.length; at += idBytes) ids.push(all.subarray(at, at + idBytes).toString('hex'))
  return ids
}

/**
 * What Postgres knows about the encryption keys, for people. Pure.
 * @param sealing the version that the api which answers seals with: a newer one is staged, an older one drains.
 * @param now milliseconds since the epoch.
 */
export function encryptionKeys(found: Found, sealing: number, now: number): AdminKeys {
  const { counts, rotation, workers, unopened } = found
  const opened = new Set(workers.flatMap((one) => [...idsOf(one.opens), one.kid8.toString('hex')]))
  const sealedBy = (version: number) => {
    const count = counts.find((one) => one.keyVersion === version)
    return {
      credentials: count?.credentials ?? 0,
      deliveredCopies: count?.givenSecrets ?? 0,
      unopened: count?.unopened ?? 0,
    }
  }
  const keys = found.keys.map(({ version, kid8, introducedAt }): Key => {
    const sealed = sealedBy(version)
    const keyId = kid8.toString('hex')
    return {
      version,
      keyId,
      state: stateOf(version, sealing, sealed.credentials + sealed.deliveredCopies),
      introducedAt: introducedAt.toISOString(),
      openedByWorkers: opened.has(keyId),
      ...sealed,
    }
  })
  const shown = {
    keys,
    unsealed: sealedBy(0).credentials + sealedBy(0).deliveredCopies,
    rotation: rotation ? progressOf(found, rotation, now) : null,
    unopened,
  }
  return { ...shown, next: nextStep(shown, sealing, workers.length > 0) }
}

function stateOf(version: number, sealing: number, records: number): Key['state'] {
  if (version > sealing) return 'staged'
  if (version === sealing) return 'active'
  return records > 0 ? 'draining' : 'retired'
}

function progressOf(
  { counts, workers }: Found,
  rotation: NonNullable<Found['rotation']>,
  now: number,
): NonNullable<AdminKeys['rotation']> {
  const { targetVersion, startedAt, finishedAt, movedAt, resealed } = rotation
  const older = counts.filter((one) => one.keyVersion < targetVersion)
  const sum = (of: Found['counts'], column: 'credentials' | 'givenSecrets') =>
    of.reduce((all, one) => all + one[column], 0)
  const tables = [
    { table: 'credentials' as const, left: sum(older, 'credentials'), total: sum(counts, 'credentials') },
    {
      table: 'deliveredCopies' as const,
      left: sum(older, 'givenSecrets'),
      total: sum(counts, 'givenSecrets'),
    },
  ]
  const remaining = tables[0]!.left + tables[1]!.left
  const moving = finishedAt === null && movedAt !== null && now - movedAt.getTime() < movingMs
  const rate = moving ? rotation.rate : null
  return {
    targetVersion,
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt?.toISOString() ?? null,
    movedAt: movedAt?.toISOString() ?? null,
    resealed,
    remaining,
    tables,
    rowsPerSecond: rate === null ? null : Math.round(rate),
    secondsLeft: rate === null || rate <= 0 ? null : Math.ceil(remaining / rate),
    waitingFor: workers.filter((one) => one.keyVersion < targetVersion).map((one) => one.id),
  }
}

/** What the operator does now. */
function nextStep(
  { keys, rotation }: Pick<AdminKeys, 'keys' | 'rotation'>,
  sealing: number,
  anyWorker: boolean,
): AdminKeys['next'] {
  const records = (key: Key) => key.credentials + key.deliveredCopies
  // With no worker at all nothing is known of the keys: that is told elsewhere.
  if (anyWorker && keys.some((key) => records(key) > 0 && !key.openedByWorkers)) return 'put-key-back'
  if (keys.some((key) => key.state === 'staged')) {
    return rotation && rotation.waitingFor.length > 0 ? 'start-workers' : 'restart-api'
  }
  const older = keys.filter((key) => key.version < sealing)
  const left = older.filter((key) => records(key) > 0)
  if (left.some((key) => records(key) > key.unopened)) {
    return rotation && rotation.waitingFor.length > 0 ? 'start-workers' : 'wait'
  }
  if (left.length > 0) return 'replace-unopened'
  return older.some((key) => key.openedByWorkers) ? 'finish' : 'nothing'
}
