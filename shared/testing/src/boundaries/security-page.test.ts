import { describe, expect, test } from 'vitest'
import { claimsOf, faultsOf } from './security-claims.ts'
import { readSource, repositoryFiles } from './sources.ts'

const page = readSource('SECURITY.md').text
const files = new Set(repositoryFiles())
const read = (path: string) => (files.has(path) ? readSource(path).text : undefined)

test('every claim of SECURITY.md names code and tests that exist, the tests by their titles', () => {
  const claims = claimsOf(page)
  expect(claims.length).toBeGreaterThan(30)
  expect(faultsOf(claims, read)).toEqual([])
})

test('every numbered paragraph of SECURITY.md is a claim', () => {
  expect(claimsOf(page)).toHaveLength(page.match(/^\d+\. /gm)!.length)
  expect(claimsOf(page)).toHaveLength(page.match(/^ +- Done by: /gm)!.length)
  expect(claimsOf(page)).toHaveLength(page.match(/^ +- Proved by: /gm)!.length)
})

// Whoever runs Nora relies on these; none of them may be lost or softened by an edit.
test.each([
  "Every secret is AES-256-GCM ciphertext under a key and nonce made for that record alone (RFC 9180, `mode_psk`) from `ENCRYPTION_KEY`, which only the worker has and which is kept apart from the database's credentials. The api can write secrets and never read them. A compromised worker can open everything it serves.",
  'The worker wipes its buffer after each use. In `standard` the agent holds its own keys until it stops; in `hardened` it never holds them',
  'Row-level security is forced for api and worker alike; no runtime role bypasses it; no browser holds a database key.',
  'No Nora process opens an outbound connection that the operator did not configure (a test boots the defaults and watches).',
  'Where a boundary does not hold in a mode or on a storage (embedded without root, disk limits that are only measured), the page says so',
])('SECURITY.md says: %s', (sentence) => {
  expect(page.replace(/\s+/g, ' ')).toContain(sentence)
})

describe('the check', () => {
  const there: Record<string, string> = {
    'a/do.ts': 'export const x = 1',
    'a/do.test.ts':
      "test('does it', () => {})\ntest.each([\n  ['one of many', 1],\n])(\n  'each %s',\n  () => {},\n)",
  }
  const faults = (text: string) => faultsOf(claimsOf(text), (path) => there[path])
  const claim = (doneBy: string, provedBy: string) =>
    `# Page\n\n7. It holds,\n   always.\n   - Done by: ${doneBy}.\n   - Proved by: ${provedBy}.\n\n## Next\n`

  test('reads a claim over several lines', () => {
    expect(claimsOf(claim('`a/do.ts`', '`a/do.test.ts` “does\n     it”, “each %s”'))).toEqual([
      {
        number: 7,
        text: 'It holds, always.',
        doneBy: ['a/do.ts'],
        provedBy: [{ path: 'a/do.test.ts', titles: ['does it', 'each %s'] }],
      },
    ])
  })
  test('is content with what is there', () => {
    expect(faults(claim('`a/do.ts`', '`a/do.test.ts` “does it”, “each %s”, “one of many”'))).toEqual([])
  })
  test.each([
    ['a file that is gone', claim('`a/gone.ts`', '`a/do.test.ts` “does it”'), 'a/gone.ts is not there'],
    ['a test that is gone', claim('`a/do.ts`', '`a/gone.test.ts` “does it”'), 'a/gone.test.ts is not there'],
    ['a title that is gone', claim('`a/do.ts`', '`a/do.test.ts` “does”'), 'a/do.test.ts has no test “does”'],
    ['no title', claim('`a/do.ts`', '`a/do.test.ts`'), 'a/do.test.ts proves it by which test?'],
    ['a proof that is no test', claim('`a/do.ts`', '`a/do.ts` “x”'), 'a/do.ts is no test'],
    ['a test as code', claim('`a/do.test.ts`', '`a/do.test.ts` “does it”'), 'is a test: name the code'],
    ['no code', claim('nobody', '`a/do.test.ts` “does it”'), 'has no "Done by'],
    ['no proof', '1. It holds.\n   - Done by: `a/do.ts`.\n', 'has no "Proved by'],
  ])('finds %s', (_, text, fault) => {
    expect(faults(text)).toEqual([expect.stringContaining(fault)])
  })
  test('finds a number that is used twice', () => {
    const twice = `${claim('`a/do.ts`', '`a/do.test.ts` “does it”')}${claim('`a/do.ts`', '`a/do.test.ts` “does it”')}`
    expect(faults(twice)).toEqual([expect.stringContaining('has been used')])
  })
})
