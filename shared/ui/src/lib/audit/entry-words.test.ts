import { expect, test } from 'vitest'
import { actorWords, detailPairs, shortId, targetWords } from './entry-words.ts'

const person = (id: string) => (id === 'a' ? 'Ada' : 'somebody')

test('who did it is named, also where it was a program or nobody', () => {
  expect(actorWords({ kind: 'user' }, 'a', person)).toBe('Ada')
  expect(actorWords({ kind: 'api_key' }, 'a', person)).toBe('A program with a key of Ada')
  expect(actorWords({ kind: 'operation' }, 'system', person)).toBe('Nora')
  expect(actorWords({ kind: 'anonymous' }, 'anonymous', person)).toBe('Nobody signed in')
})

test('what it was done to has words, known or not', () => {
  expect(targetWords('provider-key')).toBe('Provider key')
  expect(targetWords('agent')).toBe('Agent')
  expect(targetWords('some-new-thing')).toBe('Some new thing')
})

test('an id is shortened, another text is not', () => {
  expect(shortId('01900000-0000-7000-8000-000000000001')).toBe('01900000')
  expect(shortId('POST /api/x')).toBe('POST /api/x')
})

test('details are texts in which nothing can hide or pose as something else', () => {
  expect(detailPairs({ name: 'a\u202eb', keys: [{ id: 1 }], gone: null })).toEqual([
    { title: 'name', value: 'a\ufffdb' },
    { title: 'keys', value: '[{"id":1}]' },
    { title: 'gone', value: 'null' },
  ])
})
