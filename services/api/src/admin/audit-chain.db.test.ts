import { addCheckpoint, chainRows, holdingChain, reportAuditBroken, sealHead } from '@nora/db/audit-chain'
import { testDatabase } from '@nora/testing/postgres'
import { testRedis } from '@nora/testing/redis'
import { expect, test } from 'vitest'
import { claimAsAdmin } from '../testing/admin.ts'
import { testApi } from '../testing/test-api.ts'

const database = testDatabase()
const api = testApi(database, testRedis())
const key = Buffer.alloc(8, 7)

test('an admin sees how the chain of the audit stands: what waits, what is chained and signed, and that it was found broken', async () => {
  const { admin } = await claimAsAdmin(api)
  const chain = async () => {
    const answer = await admin.get('/api/admin/audit/chain')
    expect(answer.status, answer.text).toBe(200)
    return answer.body
  }
  const fresh = await chain()
  expect(fresh).toMatchObject({
    state: 'intact',
    position: 0,
    chainedAt: null,
    checkpoint: null,
    brokenAt: null,
  })
  expect(fresh.waiting).toBeGreaterThan(2)

  // No worker runs here: what one does each second.
  const end = await holdingChain(database.worker, 0, async ({ tx }) => {
    const chained = await chainRows(tx, 1_000)
    await sealHead(tx, { ...chained, kid: key, mac: Buffer.alloc(32, 1) })
    await addCheckpoint(tx, {
      ...{ position: chained.position, hash: chained.hash, madeAt: new Date() },
      ...{ kid: key, signature: Buffer.alloc(64, 2) },
    })
    return chained
  })
  expect(await chain()).toMatchObject({
    state: 'intact',
    position: end.position,
    hash: end.hash.toString('hex'),
    checkpoint: { position: end.position, keyId: key.toString('hex') },
  })

  await database.asSuperuser(`update nora.audit_pending set since = now() - interval '1 minute'`)
  const late = await chain()
  expect(late.state).toBe('behind')
  expect(late.oldestWaitingSeconds).toBeGreaterThanOrEqual(59)

  await reportAuditBroken(database.worker, { position: 1 })
  const broken = await chain()
  expect(broken.state).toBe('broken')
  expect(Date.parse(broken.brokenAt)).toBeGreaterThan(Date.now() - 60_000)
})
