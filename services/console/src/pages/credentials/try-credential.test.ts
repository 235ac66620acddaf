import type { Operation } from '@nora/contract/operations'
import { expect, test } from 'vitest'
import { tryCredential, verdictOf } from './try-credential.ts'

const operation = (rest: Partial<Operation>): Operation => ({
  ...{ id: 'o', kind: 'test-key', status: 'queued', step: null, reason: 'waiting for a worker', error: null },
  ...{ createdAt: '2026-01-01T00:00:00Z', finishedAt: null, agentId: null, providerKeyId: 'k' },
  ...{ requestedBy: null, requestedByKey: null, attempt: 0, stepAt: null, startedAt: null, result: null },
  ...{ deadlineAt: '2026-01-01T00:01:00Z', cancelRequestedAt: null },
  ...rest,
})
const works = { outcome: 'works', reason: 'api.acme.test accepted the key' }

/** Answers one after the other; the last one again and again. */
function answering(...answers: Operation[]) {
  const asked: string[] = []
  const next = () => Promise.resolve(answers.length > 1 ? answers.shift()! : answers[0]!)
  const startTest = (id: string) => {
    asked.push(`test ${id}`)
    return next()
  }
  const look = (id: string, opId: string) => {
    asked.push(`look ${id} ${opId}`)
    return next()
  }
  return { asked, calls: { startTest, operation: look } }
}
const never = new AbortController().signal

test('looks until the test has ended, and says what it found', async () => {
  const ended = operation({ status: 'succeeded', result: works })
  const { calls, asked } = answering(operation({}), operation({ status: 'running' }), ended)
  expect(await tryCredential(calls, 'k', never, { everyMs: 1 })).toEqual({
    ...works,
    reason: `${works.reason}.`,
  })
  expect(asked).toEqual(['test k', 'look k o', 'look k o'])
})

test('stops looking when its time is over, and says what it waits for', async () => {
  const { calls } = answering(operation({}))
  const late = await tryCredential(calls, 'k', never, { everyMs: 1, deadlineMs: 5 })
  expect(late).toEqual({ outcome: 'late', reason: 'waiting for a worker. Try it again later.' })
})

test('stops looking when nobody waits any more', async () => {
  const left = new AbortController()
  const { calls } = answering(operation({}))
  const trying = tryCredential(calls, 'k', left.signal, { everyMs: 10_000 })
  left.abort()
  await expect(trying).rejects.toThrow()
})

test('tells a refusal from a test that failed', () => {
  const refused = operation({ status: 'succeeded', result: { outcome: 'refused', reason: 'No!' } })
  expect(verdictOf(refused)).toEqual({ outcome: 'refused', reason: 'No!' })
  const failed = operation({ status: 'failed', error: { code: 'internal', message: 'it did not open' } })
  expect(verdictOf(failed)).toEqual({ outcome: 'failed', reason: 'it did not open.' })
  expect(verdictOf(operation({ status: 'cancelled', reason: 'cancelled' }))?.outcome).toBe('failed')
  expect(verdictOf(operation({}))).toBeUndefined()
})
