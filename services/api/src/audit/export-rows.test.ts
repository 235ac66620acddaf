import type { AuditRow } from '@nora/db/audit-read'
import { describe, expect, test } from 'vitest'
import { csvHead, csvLine, jsonLine, userIdOf } from './export-rows.ts'

const row: AuditRow = {
  id: 'id-1',
  timestamp: '2026-01-02T03:04:05.678901Z',
  event_type: 'KEY_SYNCED',
  actor_kind: 'user',
  actor_id: 'ada',
  workspace_id: 'w',
  target_kind: 'agent',
  target_id: 'x',
  ip: null,
  correlation_id: 'c',
  details: '{"a": 123456789012345678901234567890}',
  at_us: 1,
}

test('the brief shape has exactly the four members, and passes numbers on as they are', () => {
  expect(jsonLine(row, 'brief')).toBe(
    '{"timestamp":"2026-01-02T03:04:05.678901Z","event_type":"KEY_SYNCED","user_id":"ada","details":{"a": 123456789012345678901234567890}}\n',
  )
  expect(csvHead('brief')).toBe('"timestamp","event_type","user_id","details"\r\n')
})

test('what Nora did by itself is the system’s', () => {
  expect(userIdOf({ ...row, actor_kind: 'system', actor_id: 'system' })).toBe('system')
  expect(userIdOf({ ...row, actor_kind: 'operation', actor_id: 'some-operation' })).toBe('system')
  expect(userIdOf({ ...row, actor_kind: 'anonymous', actor_id: null })).toBe('anonymous')
})

describe('a field of CSV', () => {
  const fieldOf = (target_id: string) =>
    csvLine({ ...row, target_id }, 'full')
      .split(',"c"\r\n')[0]!
      .split('"x-ip"')[0]!
  test.each([
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    ' =1',
    '\u0000=1',
    '\u00a0=1',
    '＝1',
    '＋1',
    '－1',
    '＠x',
    '|x',
    '%0A',
  ])('is never a formula: %j', (text) => {
    expect(fieldOf(text)).toContain(`,"'${text}",`)
  })
  test('is quoted so that it ends where it ends', () => {
    expect(fieldOf('a","b')).toContain(',"a"",""b",')
    expect(fieldOf('a\r\nb')).toContain(',"a\r\nb",')
  })
  test('has as many fields as the head', () => {
    const count = (text: string) => text.split('","').length
    for (const shape of ['brief', 'full'] as const) {
      expect(count(csvLine({ ...row, details: '{}' }, shape))).toBe(count(csvHead(shape)))
    }
  })
})
