import { createLogger } from '@nora/log/logger'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'
import { KeysMissing, requireKeys } from './required-keys.ts'
import { keysOf, manyCredentials, numberedKey } from './testing/sealed-rows.ts'

const database = testDatabase()
const [first, second] = [numberedKey(1), numberedKey(2)]

test('a worker without a key that rows are sealed with does not start, and says which and what to do', async () => {
  const logged: string[] = []
  const log = createLogger({ service: 'test', level: 'info', destination: { write: (l) => logged.push(l) } })
  const deps = (...keys: Parameters<typeof keysOf>) => ({ db: database.worker, log, ...keysOf(...keys) })
  await requireKeys(deps(second))
  const alice = await person(database, 'alice')
  await manyCredentials(database, alice, first, 3)
  await requireKeys(deps(second, first))
  await requireKeys(deps(first))
  await expect(requireKeys(deps(second))).rejects.toThrow(KeysMissing)
  await expect(requireKeys(deps(second))).rejects.toThrow('3 of key 1')
  await requireKeys(deps(second), [1])
  expect(logged.join('')).toContain('encryption-key-lost')
  // A worker.env from before the exchange, put back over a database that has moved on.
  await database.asSuperuser('delete from nora.credentials')
  await manyCredentials(database, alice, second, 1)
  await expect(requireKeys(deps(first))).rejects.toThrow('1 of key 2')
})
