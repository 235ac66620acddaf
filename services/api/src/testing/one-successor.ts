import { withoutStall } from '@nora/testing/own-time'
import type { TestDatabase } from '@nora/testing/postgres'
import { expect } from 'vitest'

const graceMs = 10_000
class AfterTheGrace extends Error {}

/**
 * Uses one refresh token many times at once, within its ten seconds of grace, and gives what all are to be given: the same successor. Done
 * again, with another sign-in, only for a 401 that an attempt of more than the grace got in a stall; any other failure is the test's.
 */
export function oneSuccessor<W, A extends { status: number }>(
  database: TestDatabase,
  parts: {
    signIn: () => Promise<W>
    refreshes: (who: W) => Promise<A>[]
    successorOf: (answer: A) => string | undefined
  },
): Promise<{ who: W; answers: A[]; successor: string }> {
  const attempt = async () => {
    const who = await parts.signIn()
    const began = performance.now()
    const answers = await Promise.all(parts.refreshes(who))
    const tookMs = performance.now() - began
    const given = answers.filter(({ status }) => status === 200)
    const [successor, ...more] = new Set(given.map(parts.successorOf))
    expect(successor).toEqual(expect.any(String))
    expect(more).toEqual([])
    const refused = answers.filter(({ status }) => status !== 200).map(({ status }) => status)
    if (tookMs > graceMs && refused.length > 0 && refused.every((status) => status === 401))
      throw new AfterTheGrace(`${refused.length} of ${answers.length} were refused, of ${tookMs} ms`)
    expect(refused).toEqual([])
    return { who, answers, successor: successor! }
  }
  const isLate = (error: unknown) => error instanceof AfterTheGrace
  return withoutStall(2_000, attempt, () => database.asSuperuser('select 1'), isLate)
}
