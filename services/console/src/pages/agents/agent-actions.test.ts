import { expect, test } from 'vitest'
import { type AgentSummary, offersFor, withAgent } from './agent-actions.ts'

const idle = { operation: null, desiredState: 'running' } as const
const running = { kind: 'restart', status: 'running' } as AgentSummary['operation']
const named = (agent: Parameters<typeof offersFor>[0], can = (_: string) => true) =>
  offersFor(agent, can).map(({ action, blocked }) => (blocked === undefined ? action : `(${action})`))

test('an agent is offered what fits its state', () => {
  expect(named({ ...idle, state: 'running' })).toEqual(['restart', 'stop', 'redeploy', 'delete'])
  expect(named({ ...idle, state: 'degraded' })).toEqual(['restart', 'stop', 'redeploy', 'delete'])
  expect(named({ ...idle, state: 'error' })).toEqual(['start', 'stop', 'redeploy', 'delete'])
  expect(named({ operation: null, desiredState: 'stopped', state: 'stopped' })).toEqual([
    'start',
    'redeploy',
    'delete',
  ])
  expect(named({ operation: running, desiredState: 'deleted', state: 'deleting' })).toEqual([])
})

test('while an operation is open only stop and delete are accepted, and the rest says why', () => {
  const busy = { operation: running, desiredState: 'running', state: 'running' } as const
  expect(named(busy)).toEqual(['(restart)', 'stop', '(redeploy)', 'delete'])
  expect(offersFor(busy, () => true)[0]?.blocked).toBe('Its restart has not ended yet.')
  const ended = { ...busy, operation: { ...running, status: 'failed' } as AgentSummary['operation'] }
  expect(named(ended)).toEqual(['restart', 'stop', 'redeploy', 'delete'])
})

test('a viewer is offered nothing', () => {
  expect(named({ ...idle, state: 'running' }, () => false)).toEqual([])
  expect(named({ ...idle, state: 'running' }, (permission) => permission === 'agent:delete')).toEqual([
    'delete',
  ])
})

const agent = (id: string, updatedAt: string, state: string) => ({ id, updatedAt, state }) as AgentSummary

test('an answer takes its place in lists of both shapes, unless they know better', () => {
  const [a, b] = [
    agent('a', '2030-01-01T00:00:00.000Z', 'running'),
    agent('b', '2030-01-01T00:00:00.000Z', 'x'),
  ]
  const stopping = agent('a', '2030-01-01T00:00:01.000Z', 'stopping')
  const late = agent('a', '2029-12-31T23:59:59.999Z', 'queued')
  const pages = {
    pages: [
      { items: [a], nextCursor: 'c' },
      { items: [b], nextCursor: null },
    ],
    pageParams: [],
  }
  expect(withAgent(pages, stopping).pages.map(({ items }) => items[0]?.state)).toEqual(['stopping', 'x'])
  expect(withAgent(pages, stopping).pages[0]?.nextCursor).toBe('c')
  expect(withAgent({ items: [b, a] }, stopping).items.map(({ state }) => state)).toEqual(['x', 'stopping'])
  expect(withAgent(pages, late)).toEqual(pages)
  for (const other of [undefined, null, 3, { total: 1 }]) expect(withAgent(other, stopping)).toEqual(other)
})
