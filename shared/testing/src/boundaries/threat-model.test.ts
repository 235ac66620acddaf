import { expect, test } from 'vitest'
import { claimsOf, faultsOf, proofsIn } from './security-claims.ts'
import { readSource, repositoryFiles } from './sources.ts'

const files = new Set(repositoryFiles())
const read = (path: string) => (files.has(path) ? readSource(path).text : undefined)
const pages = ['docs/threat-model.md', 'docs/incidents/leak-runbook.md', 'docs/secrets.md']

test.each(pages)(
  '%s names files that exist, tests by their titles, and claims that SECURITY.md makes',
  (page) => {
    const { text } = readSource(page)
    const proofs = proofsIn(text).filter((one) =>
      /^(?:docs|e2e|infra|migrations|services|shared)\//.test(one.path),
    )
    const gone = proofs.filter((one) => read(one.path) === undefined).map((one) => one.path)
    expect(gone).toEqual([])
    const tests = proofs.filter((one) => one.titles.length > 0)
    const claims = tests.map((one, at) => ({
      number: at + 1,
      text: '',
      doneBy: ['SECURITY.md'],
      provedBy: [one],
    }))
    expect(faultsOf(claims, read)).toEqual([])
    const numbers = new Set(claimsOf(readSource('SECURITY.md').text).map((one) => one.number))
    const cited = [...text.matchAll(/\bclaims? ((?:\d+(?:, | and )?)+)/g)].flatMap(
      (one) => one[1]!.match(/\d+/g)!,
    )
    expect(cited.filter((one) => !numbers.has(Number(one)))).toEqual([])
  },
)

test('each compromise says what it yields, what not, what bounds it by which test, and what nothing bounds', () => {
  const { text } = readSource('docs/threat-model.md')
  const [, part = ''] = text.split('## What each compromise yields')
  const sections = part.split(/^### /m).slice(1)
  expect(sections.length).toBeGreaterThan(12)
  for (const section of sections) {
    const title = section.split('\n')[0]
    // What there is not yet is a test that refuses it.
    if (!section.includes('- **Gets:**')) {
      expect(proofsIn(section).filter((one) => one.titles.length > 0).length, title).toBeGreaterThan(0)
      continue
    }
    for (const item of ['Gets', 'Does not get', 'Bound by', 'Not bounded']) {
      expect(section, title).toContain(`- **${item}:**`)
    }
  }
})
