import { expect, test } from 'vitest'
import { from, signedIn } from './cells.ts'
import { route } from './row.ts'
import { table, undecided } from './table.ts'

const served = table.map(({ route: name }) => {
  const [method = '', url = ''] = name.split(' ')
  return { method, url }
})

test('a table that agrees with the routes has nothing undecided', () => {
  expect(undecided(served)).toEqual([])
})

test('a route without a row is named, with where to decide it', () => {
  expect(undecided([...served, { method: 'POST', url: '/api/agents/:id/dance' }])).toEqual([
    'POST /api/agents/:id/dance has no row: decide in services/api/src/authorization/rows',
  ])
})

test('the HEAD of a GET goes with it, another method does not', () => {
  expect(undecided([...served, { method: 'HEAD', url: '/api/agents' }])).toEqual([])
  expect(undecided([...served, { method: 'PUT', url: '/api/agents' }])).toHaveLength(1)
})

test('a row whose route is gone is named', () => {
  const [first, ...rest] = served
  expect(undecided(rest)).toEqual([
    `${first!.method} ${first!.url} is not a route any more: remove its row from services/api/src/authorization/rows`,
  ])
})

test('a principal about whom a row says nothing is named', () => {
  const { viewer: _, ...cells } = from('viewer', 200)
  const row = route('GET /api/agents', cells as ReturnType<typeof from>, { when: 'at night' })
  expect(undecided([{ method: 'GET', url: '/api/agents' }], [row])).toEqual([
    'GET /api/agents, at night: nothing is decided for viewer: decide in services/api/src/authorization/rows',
  ])
})

test('a route that nobody is let in at proves nothing and is named', () => {
  const row = route('GET /api/agents', signedIn('404 not-found'))
  expect(undecided([{ method: 'GET', url: '/api/agents' }], [row])).toHaveLength(1)
})
