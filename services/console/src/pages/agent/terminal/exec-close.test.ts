import { expect, test } from 'vitest'
import { afterExecClose } from './exec-close.ts'
import { partsOf } from './parts.ts'

test.each([
  [1000, '', false, false],
  [1006, '', true, true],
  [1013, 'no worker answers', true, true],
  [4401, '', true, true],
  [4403, '', false, false],
  [4404, 'session-gone', false, false],
  [4404, 'no-shell', false, false],
  [4408, '', false, false],
  [4409, '', false, true],
  [4429, '', false, true],
  [1009, '', false, false],
])('after %i %s: again %s, the session is kept %s', (code, reason, again, session) => {
  expect(afterExecClose(code, reason)).toMatchObject({ again, session, why: expect.stringMatching(/\.$/) })
})

test('each reason of a 4404 has words of its own', () => {
  const words = ['session-gone', 'agent-not-running', 'no-shell', 'agent-gone'].map(
    (reason) => afterExecClose(4404, reason).why,
  )
  expect(new Set(words).size).toBe(4)
})

test('what is pasted goes in parts that the server takes, and none is lost', () => {
  const bytes = new Uint8Array(150_000).map((_, at) => at % 251)
  const parts = partsOf(bytes)
  expect(parts.every((part) => part.length > 0 && part.length <= 32_768)).toBe(true)
  expect(parts.flatMap((part) => [...part])).toEqual([...bytes])
  expect(partsOf(new Uint8Array())).toEqual([])
})
