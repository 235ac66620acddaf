import { credentialAad } from '@nora/crypto/aad'
import { seal } from '@nora/crypto/seal'
import { createLogger } from '@nora/log/logger'
import { person } from '@nora/testing/people'
import { testDatabase } from '@nora/testing/postgres'
import { expect, test } from 'vitest'
import { openFields } from '../secrets/open-secret.ts'
import { rotator } from './rotate.ts'
import {
  keysOf,
  numberedKey,
  sealedFor,
  sealingOf,
  storeCredentials,
  storedCredentials,
} from './testing/sealed-rows.ts'

const database = testDatabase()
const log = createLogger({ service: 'test', level: 'silent' })
const never = new AbortController().signal

test('an exchange credential is sealed anew as what it is, and may go on trading: it is the same secret', async () => {
  const [first, second] = [numberedKey(1), numberedKey(2)]
  const record = await sealedFor(await person(database, 'alice'), first, {})
  const place = {
    ...record,
    kind: 'exchange' as const,
    provider: 'binance',
    destinationHosts: ['api.binance.com'],
  }
  const aad = credentialAad({ ...place, table: 'credentials', column: 'sealed', rowId: place.id })
  const sealed = await seal(sealingOf(first).sealKey, Buffer.from('{"apiKey":"k","apiSecret":"s"}'), aad)
  await storeCredentials(database, [record])
  await database.asSuperuser(
    `update nora.credentials set kind = 'exchange', provider = 'binance', destination_hosts = '{api.binance.com}', sealed = $2,
       permission = 'trading_enabled' where id = $1`,
    [record.id, sealed],
  )
  const round = rotator({ db: database.worker, log, ...keysOf(second, first) })
  while (await round(never));
  const [stored] = await storedCredentials(database)
  expect(stored).toMatchObject({ kind: 'exchange', keyVersion: 2, secretVersion: 1 })
  const fields = await openFields(keysOf(second).keyring, stored!)
  expect(fields['apiSecret']?.toString()).toBe('s')
  const [row] = await database.asSuperuser('select permission from nora.credentials')
  expect(row).toEqual({ permission: 'trading_enabled' })
})
