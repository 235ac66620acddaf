import { expect, test } from 'vitest'
import { atLeast, contentsOf, contentsWords } from './workspace-contents.ts'

const refusal = {
  code: 'workspace-not-empty',
  agents: [
    { id: '1', name: 'one' },
    { id: '2', name: 'two' },
  ],
  keys: [{ id: '3', label: 'mine' }],
  keyCount: 3,
}

test('what goes is named, and what one does not see is counted', () => {
  expect(contentsWords(contentsOf(refusal))).toEqual([
    '2 agents with their data: one and two',
    '3 keys: mine and 2 keys of other members',
  ])
  expect(contentsWords(contentsOf({ agents: [], keys: [], keyCount: 1 }))).toEqual(['1 key of other members'])
})

test('of many the first are named', () => {
  const agents = Array.from({ length: 20 }, (_, n) => ({ id: String(n), name: `a${n}` }))
  const [line] = contentsWords(contentsOf({ agents, keys: [], keyCount: 0 }))
  expect(line).toBe('20 agents with their data: a0, a1, a2, a3, a4, a5, a6, a7, and 12 more')
})

test('an answer in another form is read as far as it goes', () => {
  expect(contentsOf({})).toEqual({ agents: [], keys: [], keyCount: 0 })
})

test('a page that is not all there is counts as at least that much', () => {
  expect(atLeast({ items: [1], nextCursor: null }, 'agent')).toBe('1 agent')
  expect(atLeast({ items: [1, 2], nextCursor: 'c' }, 'person', 'people')).toBe('more than 2 people')
})
