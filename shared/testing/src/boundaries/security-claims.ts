export type Proof = { path: string; titles: string[] }
/** One numbered paragraph of SECURITY.md, with what stands below it. */
export type Claim = { number: number; text: string; doneBy: string[]; provedBy: Proof[] }

/** Reads the claims of SECURITY.md: numbered paragraphs, each with a `Done by:` and a `Proved by:` item below it. */
export function claimsOf(page: string): Claim[] {
  return page
    .split(/^(?=\d+\. |#)/m)
    .filter((block) => /^\d+\. /.test(block))
    .map((block) => {
      const [text = '', ...items] = block.split(/^ +- (?=Done by: |Proved by: )/m)
      const of = (name: string) => flat(items.find((item) => item.startsWith(name)) ?? '')
      return {
        number: Number.parseInt(text, 10),
        text: flat(text).replace(/^\d+\. /, ''),
        doneBy: [...of('Done by: ').matchAll(/`([^`]+)`/g)].map((match) => match[1]!),
        provedBy: proofsIn(of('Proved by: ')),
      }
    })
}

/** What a text puts between backticks, with the titles in quotes that follow it. */
export const proofsIn = (text: string): Proof[] =>
  [...flat(text).matchAll(/`([^`]+)`((?:[ ,]+“[^”]*”)*)/g)].map((match) => ({
    path: match[1]!,
    titles: [...match[2]!.matchAll(/“([^”]*)”/g)].map((title) => title[1]!),
  }))

/** What is wrong with the claims; `read` gives a file's text, or undefined for one that is not there. */
export function faultsOf(claims: readonly Claim[], read: (path: string) => string | undefined): string[] {
  return claims.flatMap((claim, index) => {
    const say = (what: string) => `SECURITY.md claim ${claim.number}: ${what}`
    const gone = [...claim.doneBy, ...claim.provedBy.map(({ path }) => path)].filter(
      (path) => read(path) === undefined,
    )
    return [
      ...(index > 0 && claim.number <= claims[index - 1]!.number ? [say('its number has been used')] : []),
      ...(claim.doneBy.length === 0 ? [say('has no "Done by: `file`"')] : []),
      ...(claim.provedBy.length === 0 ? [say('has no "Proved by: `file` “title of a test”"')] : []),
      ...claim.doneBy.filter(isTest).map((path) => say(`${path} is a test: name the code that does it`)),
      ...gone.map((path) => say(`${path} is not there`)),
      ...claim.provedBy.flatMap(({ path, titles }) => faultsOfProof(path, titles, read(path)).map(say)),
    ]
  })
}

function faultsOfProof(path: string, titles: string[], text: string | undefined): string[] {
  if (!isTest(path)) return [`${path} is no test`]
  if (titles.length === 0) return [`${path} proves it by which test? Write its title after it: “title”`]
  if (text === undefined) return []
  return titles.filter((title) => !hasTitle(text, title)).map((title) => `${path} has no test “${title}”`)
}

/** A suite that several tests run stands in a `testing` folder. */
const isTest = (path: string) => /\.test\.ts$|\/testing\//.test(path)

/** The title is what a call, or a row of a table of cases, begins with. */
function hasTitle(text: string, title: string): boolean {
  const literal = title.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`[[(]\\s*(['"\`])${literal}\\1`).test(text)
}

const flat = (text: string) => text.replace(/\s+/g, ' ').trim()
