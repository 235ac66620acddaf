import { afterAll, beforeAll, inject } from 'vitest'
import { cloneDatabase, type TestDatabase } from './clone-database.ts'

export type { TestDatabase } from './clone-database.ts'

/** A database of its own for this test file, cloned from the migrated template before its tests and dropped after them. */
export function testDatabase(): TestDatabase {
  const database = {} as TestDatabase
  let drop: (() => Promise<void>) | undefined
  beforeAll(async () => {
    const cloned = await cloneDatabase(inject('postgres'))
    drop = cloned.drop
    Object.assign(database, cloned.database)
  })
  afterAll(() => drop?.())
  return database
}
