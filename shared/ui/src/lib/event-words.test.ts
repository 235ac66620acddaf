import { expect, test } from 'vitest'
import { allEventTypes, eventWords, workspaceEventTypes } from './event-words.ts'

test('an event has words of its own, or its type’s words', () => {
  expect(eventWords('SIGN_IN_FAILED')).toBe('Sign-in failed')
  expect(eventWords('SOME_API_ACT')).toBe('Some API act')
  expect(eventWords('RESTORE_VERIFIED')).toBe('Restore verified')
  expect(eventWords('IP_ALLOWED')).toBe('IP allowed')
  expect(eventWords('__X_')).toBe('X')
})

test('what no map of ours has, an object’s own names included, is read by its words', () => {
  expect(eventWords('constructor')).toBe('Constructor')
})

test('types are in the form that the api takes, once each, and no two of a workspace are called the same', () => {
  for (const type of allEventTypes) expect(type).toMatch(/^[A-Z][A-Z0-9_]{2,63}$/)
  expect(new Set(allEventTypes).size).toBe(allEventTypes.length)
  const names = workspaceEventTypes.map(eventWords)
  expect(new Set(names).size).toBe(names.length)
})
