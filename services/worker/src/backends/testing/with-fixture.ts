import { afterAll, beforeAll, describe } from 'vitest'
import type { ContractFixture } from '../backend-contract.ts'

/** Runs the parts of a suite with one fixture, which is opened before them and closed after them. */
export function withFixture(
  title: string,
  open: () => Promise<ContractFixture>,
  parts: ((use: () => ContractFixture) => void)[],
): void {
  describe(title, () => {
    let fixture: ContractFixture
    beforeAll(async () => {
      fixture = await open()
    })
    afterAll(() => fixture?.close())
    for (const part of parts) part(() => fixture)
  })
}
