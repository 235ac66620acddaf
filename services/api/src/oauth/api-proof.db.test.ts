import { randomBytes } from 'node:crypto'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { startApi } from '../testing/test-api.ts'
import { apiProof } from './api-proof.ts'

const database = testDatabase()
const redis = testRedis()

test('the proof follows NORA_CAPABILITY_PRIVATE_KEY where the one before is shown, and nowhere else', async () => {
  const [first, second, third] = [1, 2, 3].map(() => randomBytes(32)) as [Buffer, Buffer, Buffer]
  const proofOf = async (seed: Buffer, ...capabilitySeedsBefore: Buffer[]) => {
    const api = await startApi(database, redis, { deps: { capabilitySeed: seed, capabilitySeedsBefore } })
    try {
      return await apiProof(api.deps)
    } finally {
      await api.close()
    }
  }
  await proofOf(first)
  await expect(proofOf(second)).rejects.toThrow('unavailable')
  await expect(proofOf(second, third)).rejects.toThrow('unavailable')
  const taken = await proofOf(second, first)
  expect(await proofOf(second)).toEqual(taken)
  expect(await proofOf(second, first)).toEqual(taken)
  await expect(proofOf(first)).rejects.toThrow('unavailable')
  const audits = await database.asSuperuser(
    `select 1 from nora.audit_log where event_type = 'CONFIGURATION_CHANGED' and target_id = 'capability-key'`,
  )
  expect(audits).toHaveLength(1)
})
