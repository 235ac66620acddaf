import { expect, test } from 'vitest'
import { encryptionKeys } from './encryption-keys.ts'

const at = new Date('2026-11-25T10:00:00Z')
const key = (version: number) => ({ version, kid8: Buffer.alloc(8, version), introducedAt: at })
const count = (keyVersion: number, credentials: number, givenSecrets = 0, unopened = 0) => ({
  ...{ keyVersion, credentials, givenSecrets, unopened },
})

test('before the first key there is nothing to tell but what was never sealed', () => {
  const found = { keys: [], counts: [count(0, 2, 1)], rotation: undefined, workers: [] }
  expect(encryptionKeys(found)).toEqual({ keys: [], unsealed: 3, rotation: null })
})

test('a key is active, draining while it seals anything, then retired', () => {
  const { keys, rotation } = encryptionKeys({
    keys: [key(3), key(2), key(1)],
    counts: [count(2, 4, 1, 1), count(3, 7)],
    rotation: { targetVersion: 3, startedAt: at, finishedAt: null, resealed: 7 },
    workers: [
      { id: 'old', keyVersion: 2 },
      { id: 'new', keyVersion: 3 },
    ],
  })
  expect(
    keys.map(({ version, state, keyId, credentials, deliveredCopies, unopened }) => [
      ...[version, state, keyId, credentials, deliveredCopies, unopened],
    ]),
  ).toEqual([
    [3, 'active', '0303030303030303', 7, 0, 0],
    [2, 'draining', '0202020202020202', 4, 1, 1],
    [1, 'retired', '0101010101010101', 0, 0, 0],
  ])
  expect(rotation).toMatchObject({
    targetVersion: 3,
    remaining: 5,
    resealed: 7,
    waitingFor: ['old'],
    finishedAt: null,
  })
})
