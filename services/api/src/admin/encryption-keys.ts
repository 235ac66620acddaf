import type { AdminKeys } from '@nora/contract/admin-server'
import type { adminKeys } from '@nora/db/admin-server'

type Found = Awaited<ReturnType<typeof adminKeys>>

const idBytes = 8

/** The ids of keys, eight bytes each, as hex. */
export function idsOf(all: Buffer): string[] {
  const ids: string[] = []
  for (let at = 0; at < all.length; at += idBytes) ids.push(all.subarray(at, at + idBytes).toString('hex'))
  return ids
}

/** What Postgres knows about the encryption keys, for people. Pure. */
export function encryptionKeys({ keys, counts, rotation, workers }: Found): AdminKeys {
  const sealedBy = (version: number) => {
    const count = counts.find((one) => one.keyVersion === version)
    return {
      credentials: count?.credentials ?? 0,
      deliveredCopies: count?.givenSecrets ?? 0,
      unopened: count?.unopened ?? 0,
    }
  }
  const newest = keys[0]?.version
  const stateOf = (version: number, records: number) => {
    if (version === newest) return 'active' as const
    return records > 0 ? ('draining' as const) : ('retired' as const)
  }
  return {
    keys: keys.map(({ version, kid8, introducedAt }) => {
      const sealed = sealedBy(version)
      const state = stateOf(version, sealed.credentials + sealed.deliveredCopies)
      return {
        version,
        keyId: kid8.toString('hex'),
        state,
        introducedAt: introducedAt.toISOString(),
        ...sealed,
      }
    }),
    unsealed: sealedBy(0).credentials + sealedBy(0).deliveredCopies,
    rotation: rotation
      ? {
          targetVersion: rotation.targetVersion,
          startedAt: rotation.startedAt.toISOString(),
          finishedAt: rotation.finishedAt?.toISOString() ?? null,
          resealed: rotation.resealed,
          remaining: counts
            .filter((one) => one.keyVersion < rotation.targetVersion)
            .reduce((sum, one) => sum + one.credentials + one.givenSecrets, 0),
          waitingFor: workers.filter((one) => one.keyVersion < rotation.targetVersion).map((one) => one.id),
        }
      : null,
  }
}
