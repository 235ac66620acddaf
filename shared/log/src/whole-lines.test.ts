import { expect, test } from 'vitest'
import { createLogger } from './logger.ts'

test('lines stay whole JSON, whatever quotes and names are in the text', () => {
  const pieces = [
    'password',
    '"',
    "'",
    '\\',
    '=',
    ': ',
    'token',
    'authorization',
    '\n',
    '{',
    '}',
    ',',
    '=>',
    'apiKey',
    'x9',
    '[',
  ]
  let written = 0
  const write = (line: string) => {
    written++
    expect(line.endsWith('\n')).toBe(true)
    expect(JSON.parse(line)).toMatchObject({ level: 'info', time: expect.any(String) })
    expect(line).not.toContain('dropped')
  }
  const log = createLogger({ service: 'test', level: 'trace', destination: { write } })
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const text = () => Array.from({ length: 9 }, () => pieces[Math.floor(next() * pieces.length)]).join('')
  for (let i = 0; i < 3000; i++) {
    log.info({ [`k${text()}`]: text(), inner: JSON.stringify({ a: text() }) }, text())
  }
  expect(written).toBe(3000)
})
