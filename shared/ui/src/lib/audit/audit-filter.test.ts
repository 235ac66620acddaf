import { expect, test } from 'vitest'
import { exportPath, filterOf, queryOf, withFilter } from './audit-filter.ts'

const id = '01900000-0000-7000-8000-000000000001'
const of = (text: string) => filterOf(new URLSearchParams(text))

test('a filter stands in the address, and what the api would refuse is left out of it', () => {
  expect(of(`type=KEY_SYNCED&actor=${id}&from=2026-02-01&to=2026-02-28`)).toEqual({
    type: 'KEY_SYNCED',
    actor: id,
    from: '2026-02-01',
    to: '2026-02-28',
  })
  for (const bad of [
    'type=key',
    'actor=a%0Ab',
    'actor=',
    'from=2026-02-30',
    'to=0000-00-00',
    'to=x',
    'other=1',
  ])
    expect(of(bad)).toEqual({})
})

test('a change keeps the rest, and what is emptied goes', () => {
  const before = new URLSearchParams('type=KEY_SYNCED&from=2026-02-01')
  expect(String(withFilter(before, { type: '', actor: 'system' }))).toBe('from=2026-02-01&actor=system')
  expect(String(before)).toBe('type=KEY_SYNCED&from=2026-02-01')
})

test('days are the reader’s, the last one included', () => {
  const { from, to } = queryOf({ from: '2026-12-31', to: '2026-12-31' })
  expect(new Date(from!)).toEqual(new Date(2026, 11, 31))
  expect(new Date(to!)).toEqual(new Date(2027, 0, 1))
  expect(queryOf({})).toEqual({})
})

test('a file is of what the filter lets through, of this workspace alone', () => {
  const url = new URL(
    exportPath({ path: '/api/audit/export', workspace: id }, { type: 'KEY_SYNCED' }, 'csv'),
    'http://localhost',
  )
  expect(Object.fromEntries(url.searchParams)).toEqual({
    workspace: id,
    type: 'KEY_SYNCED',
    format: 'csv',
    shape: 'full',
  })
})
