import { expect, test } from 'vitest'
import { usersWith } from './users-with.ts'

test('users are found by their number, and nobody for a number that nobody has', async () => {
  expect(await usersWith([0, 4_200_000_001])).toEqual(['root'])
  expect(await usersWith([4_200_000_001])).toEqual([])
})
