import { expect, test } from 'vitest'
import { keysOfAll, keysOfTopic, keysOfTopics } from './topics.ts'

test('a topic names the cache keys of its workspace', () => {
  expect(keysOfTopic('w1', 'provider-keys')).toEqual([['w', 'w1', 'provider-keys']])
  expect(keysOfTopic('w1', 'agents')).toEqual([
    ['w', 'w1', 'agents'],
    ['w', 'w1', 'deploy-options'],
  ])
  expect(keysOfTopic('w1', 'agent:a-1')).toEqual([['w', 'w1', 'agent', 'a-1']])
  expect(keysOfTopic('w1', 'agent:*')).toEqual([['w', 'w1', 'agent']])
})

test('what belongs to a person is in no workspace', () => {
  expect(keysOfTopic('w1', 'me')).toEqual([['me'], ['sessions'], ['passkeys'], ['identities']])
  expect(keysOfAll('w1')).toEqual([['w', 'w1'], ['me'], ['sessions'], ['passkeys'], ['identities']])
})

test('what a newer server tells of is passed over, and each key is named once', () => {
  for (const topic of ['', 'weather', 'constructor', '__proto__', 'toString'])
    expect(keysOfTopic('w1', topic)).toEqual([])
  expect(keysOfTopics('w1', ['audit', 'weather', 'agents', 'audit', 'agents'])).toEqual([
    ['w', 'w1', 'audit'],
    ['w', 'w1', 'agents'],
    ['w', 'w1', 'deploy-options'],
  ])
})
