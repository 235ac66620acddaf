import { pageMarks } from '@nora/contract/page-policy'
import { expect, test } from 'vitest'
import { consoleOrigin } from './console-origin.ts'

test.each([
  ['https://nora.example.org', 'https://nora.example.org'],
  ['http://localhost:8080', 'http://localhost:8080'],
  [pageMarks.consoleOrigin, undefined],
  ['javascript:alert(1)', undefined],
  ['', undefined],
  [undefined, undefined],
])('what is written as %s leads to %s', (written, origin) => {
  expect(consoleOrigin(written)).toBe(origin)
})
