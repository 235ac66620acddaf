import { expect, test } from 'vitest'
import type { AgentSummary } from './agent-actions.ts'
import { heldKeys } from './held-keys.ts'

const versions = new Map([['k', { label: 'Main', secretVersion: 3 }]])
const waits = (syncedSecretVersion: number | null, more: Partial<AgentSummary> = {}, id = 'k') =>
  heldKeys(
    {
      state: 'running',
      operation: null,
      providerKeys: [{ id, label: 'Main', syncedSecretVersion, syncedAt: null }],
      ...more,
    },
    versions,
  )[0]?.waits

test('a running agent says which of its keys are older than what is stored', () => {
  expect(waits(3)).toBeNull()
  expect(waits(2)).toBe('newer')
  expect(waits(null)).toBe('never')
  expect(waits(2, {}, 'hidden')).toBeNull()
})

test('nothing waits where a start or an open operation will deliver it', () => {
  expect(waits(2, { state: 'stopped' })).toBeNull()
  const operation = { kind: 'sync-keys', status: 'queued' } as AgentSummary['operation']
  expect(waits(2, { operation })).toBeNull()
  expect(waits(2, { operation: { ...operation, status: 'succeeded' } as AgentSummary['operation'] })).toBe(
    'newer',
  )
})

test('a key that its owner has not shared has no name', () => {
  const providerKeys = [{ id: 'x', label: null, syncedSecretVersion: 1, syncedAt: null }]
  const agent = { state: 'running', operation: null, providerKeys } as const
  expect(heldKeys({ ...agent, providerKeys }, versions)[0]?.label).toBe('A key of somebody else')
})
