import { apiKeyScopes } from '@nora/contract/api-keys'
import { expect, test } from 'vitest'
import { effectiveScopes, keyAllows } from './scopes.ts'

test('a key does what its scopes name and its creator may', () => {
  for (const role of ['editor', 'admin', 'owner'] as const) {
    expect(effectiveScopes(role, apiKeyScopes)).toEqual([...apiKeyScopes])
  }
  const reading = ['agents:read', 'logs:read', 'metrics:read', 'catalog:read']
  expect(effectiveScopes('viewer', apiKeyScopes)).toEqual(reading)
  expect(effectiveScopes('owner', ['logs:read'])).toEqual(['logs:read'])
})

test('a permission needs a scope that gives it and a role that has it', () => {
  expect(keyAllows('owner', ['agents:invoke'], 'agent:invoke')).toBe(true)
  expect(keyAllows('viewer', ['agents:invoke'], 'agent:invoke')).toBe(false)
  expect(keyAllows('owner', ['agents:read', 'agents:write'], 'agent:invoke')).toBe(false)
})

test('no scope reaches keys, people, workspaces or the audit', () => {
  const closed = [
    'key:read',
    'key:write',
    'api-key:manage',
    'member:read',
    'member:manage',
    'invitation:manage',
    'workspace:update',
    'workspace:delete',
    'audit:read',
  ] as const
  expect(closed.filter((permission) => keyAllows('owner', apiKeyScopes, permission))).toEqual([])
})
