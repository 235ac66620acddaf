import { ownMs } from '@nora/testing/own-time'
import type { TestDatabase } from '@nora/testing/postgres'
import { expect } from 'vitest'

/**
 * Waits for what has to come within five seconds of now. The api looks every four; a second turn of it would be too late. What this
 * process and Postgres stood still meanwhile is taken off.
 */
export async function withinFiveSeconds<T>(database: TestDatabase, awaited: Promise<T>): Promise<T> {
  const took = await ownMs(
    () => awaited,
    () => database.asSuperuser('select 1'),
  )
  expect(took, 'milliseconds until it came').toBeLessThan(6_000)
  return awaited
}
