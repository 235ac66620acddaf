import { expect, test } from 'vitest'
import { allows, atMost, roles, rolesUpTo } from './roles.ts'

test('a role may what those below it may', () => {
  expect(roles.map((role) => allows(role, 'agent:create'))).toEqual([false, true, true, true])
  expect(roles.map((role) => allows(role, 'workspace:delete'))).toEqual([false, false, false, true])
})

test('nobody is above themselves, and everybody may give what they are or less', () => {
  expect(rolesUpTo('viewer')).toEqual(['viewer'])
  expect(rolesUpTo('admin')).toEqual(['viewer', 'editor', 'admin'])
  expect(atMost('owner', 'admin')).toBe(false)
  expect(atMost('admin', 'admin')).toBe(true)
})
