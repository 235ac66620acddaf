import assert from 'node:assert/strict'

export type Checks = ReturnType<typeof startChecks>

/**
 * Runs checks one after the other and prints each with its outcome; one that fails stops no other. What a check needs and an
 * earlier one did not get is a failure too: see `need`.
 * @param say takes one line.
 */
export function startChecks(say: (line: string) => void) {
  const counts = { passed: 0, failed: 0 }
  return {
    part: (title: string) => say(`\n--> ${title}`),
    async check(name: string, run: () => Promise<unknown>): Promise<void> {
      const began = Date.now()
      try {
        await run()
        counts.passed++
        say(`ok    ${name}${took(began)}`)
      } catch (error) {
        counts.failed++
        say(`FAIL  ${name}${took(began)}\n      ${wordsOf(error).replaceAll('\n', '\n      ')}`)
      }
    },
    /** Not asked here, and why: neither passed nor failed. */
    leaveOut: (name: string, why: string) => say(`left  ${name}: ${why}`),
    /** The last line, and whether everything held. */
    finish(): boolean {
      say(`${counts.passed} passed, ${counts.failed} failed`)
      return counts.failed === 0 && counts.passed > 0
    },
  }
}

const took = (began: number) => {
  const seconds = (Date.now() - began) / 1_000
  return seconds < 1 ? '' : `  (${seconds.toFixed(1)} s)`
}

const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 1_500)

/** What an earlier check was to get. Throws, naming it, when it did not. */
export function need<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`not asked: there is no ${what}`)
  return value
}

/** Throws, with both and `what`, unless they are the same. */
export function same(actual: unknown, expected: unknown, what: string): void {
  assert.deepStrictEqual(
    actual,
    expected,
    `${what}: ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`,
  )
}

/** Throws `what` unless it holds. */
export function holds(truth: boolean, what: string): asserts truth {
  if (!truth) throw new Error(what)
}
