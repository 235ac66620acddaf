import { expect, test } from 'vitest'
import { encryptionKeys } from './encryption-keys.ts'

type Found = Parameters<typeof encryptionKeys>[0]

const at = new Date('2026-11-25T10:00:00Z')
const now = at.getTime() + 30_000
const kid = (version: number) => Buffer.alloc(8, version)
const key = (version: number) => ({ version, kid8: kid(version), introducedAt: at })
const count = (keyVersion: number, credentials: number, givenSecrets = 0, unopened = 0) => ({
  ...{ keyVersion, credentials, givenSecrets, unopened },
})
const worker = (id: string, ...versions: number[]) => ({
  ...{ id, keyVersion: versions[0]!, kid8: kid(versions[0]!), opens: Buffer.concat(versions.map(kid)) },
})
const rotation = (more: Partial<NonNullable<Found['rotation']>> = {}) => ({
  ...{ targetVersion: 2, startedAt: at, finishedAt: null, movedAt: at, rate: 100, resealed: 7, ...more },
})
const found = (more: Partial<Found>): Found => ({
  ...{ keys: [key(2), key(1)], counts: [], rotation: undefined, workers: [], unopened: [], ...more },
})

test('before the first key there is nothing to tell but what was never sealed', () => {
  expect(encryptionKeys(found({ keys: [], counts: [count(0, 2, 1)] }), 1, now)).toEqual({
    ...{ keys: [], unsealed: 3, rotation: null, unopened: [], next: 'nothing' },
  })
})

test('a key is staged while the api seals with an older one, then active, draining while it seals anything, retired', () => {
  const keys = [key(4), key(3), key(2), key(1)]
  const shown = encryptionKeys(found({ keys, counts: [count(2, 4, 1, 1), count(3, 7)] }), 3, now)
  expect(
    shown.keys.map(({ version, state, keyId, credentials, deliveredCopies, unopened }) => [
      ...[version, state, keyId, credentials, deliveredCopies, unopened],
    ]),
  ).toEqual([
    [4, 'staged', '0404040404040404', 0, 0, 0],
    [3, 'active', '0303030303030303', 7, 0, 0],
    [2, 'draining', '0202020202020202', 4, 1, 1],
    [1, 'retired', '0101010101010101', 0, 0, 0],
  ])
})

test('progress counts what is left by table, with rate and estimate while it moves', () => {
  const counts = [count(1, 250, 50), count(2, 750, 0)]
  const workers = [worker('old', 1), worker('new', 2, 1)]
  const shown = encryptionKeys(found({ counts, rotation: rotation(), workers }), 2, now)
  expect(shown.rotation).toMatchObject({
    ...{ remaining: 300, rowsPerSecond: 100, secondsLeft: 3, waitingFor: ['old'] },
    tables: [
      { table: 'credentials', left: 250, total: 1000 },
      { table: 'deliveredCopies', left: 50, total: 50 },
    ],
  })
  const later = encryptionKeys(found({ counts, rotation: rotation(), workers }), 2, now + 60_000)
  expect(later.rotation).toMatchObject({ rowsPerSecond: null, secondsLeft: null })
})

const both = [worker('a', 2, 1)]
test.each<[string, Partial<Found>, number]>([
  ['nothing', { keys: [key(1)], counts: [count(1, 5)], workers: [worker('a', 1)] }, 1],
  ['start-workers', { rotation: rotation(), workers: [worker('a', 2, 1), worker('b', 1)] }, 1],
  ['restart-api', { workers: both, counts: [count(1, 5)] }, 1],
  ['wait', { workers: both, counts: [count(1, 5), count(2, 5)], rotation: rotation() }, 2],
  ['replace-unopened', { workers: both, counts: [count(1, 2, 0, 2)], rotation: rotation() }, 2],
  ['finish', { workers: both, counts: [count(2, 9)], rotation: rotation({ finishedAt: at }) }, 2],
  ['nothing', { workers: [worker('a', 2)], counts: [count(2, 9)] }, 2],
  ['put-key-back', { workers: [worker('a', 2)], counts: [count(1, 1), count(2, 9)] }, 2],
])('what to do next: %s', (next, more, sealing) => {
  expect(encryptionKeys(found(more), sealing, now).next).toBe(next)
})
