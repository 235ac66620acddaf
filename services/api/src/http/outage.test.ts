import { expect, test } from 'vitest'
import { isOutage, isUnstorableInput, isWorkspaceGone } from './outage.ts'

const withCode = (code: string) => Object.assign(new Error('x'), { code })

test.each([
  ['a refused connection', withCode('ECONNREFUSED')],
  ['a refused connection on every address', new AggregateError([withCode('ECONNREFUSED')])],
  ['a server that shuts down', withCode('57P01')],
  ['too many connections', withCode('53300')],
  ['a statement that took too long', withCode('57014')],
  ['a lock that was not had', withCode('55P03')],
  ['a full queue of passwords', withCode('busy')],
  ['a deadline of ours', new DOMException('', 'TimeoutError')],
  ['a pool with nothing to give', new Error('timeout exceeded when trying to connect')],
])('%s is an outage', (_, error) => expect(isOutage(error)).toBe(true))

test.each([
  ['a fault of ours', new TypeError('x is not a function')],
  ['a broken constraint', withCode('23505')],
  ['a refused right', withCode('42501')],
  ['a wrong statement', withCode('42P01')],
  ['what is no error', 'ECONNREFUSED'],
])('%s is none', (_, error) => expect(isOutage(error)).toBe(false))

test('a value that Postgres cannot store is known by its SQLSTATE', () => {
  expect(['22021', '22P05', '22003'].map((code) => isUnstorableInput(withCode(code)))).toEqual([
    true,
    true,
    true,
  ])
  expect(['23505', '42501'].map((code) => isUnstorableInput(withCode(code)))).toEqual([false, false])
})

test('a missing workspace is known by the foreign key that misses it, and nothing else is', () => {
  const missed = (constraint: string) => Object.assign(withCode('23503'), { constraint })
  expect(isWorkspaceGone(missed('idempotency_keys_workspace_id_fkey'))).toBe(true)
  expect(isWorkspaceGone(missed('streams_user_id_fkey'))).toBe(false)
  expect(isWorkspaceGone(missed('events_workspace_id_agent_id_fkey'))).toBe(false)
  expect(isWorkspaceGone(withCode('23503'))).toBe(false)
})
