import { chmod, mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { completeRecord, readRecord, recordRotation } from './record.ts'

let config = ''
beforeEach(async () => {
  config = await mkdtemp(join(tmpdir(), 'nora-record-'))
})
afterEach(() => rm(config, { recursive: true }))

const old = new Date('2025-03-01T00:00:00.000Z')

test('what is older than the record is as old as its file; what is made later is of then', async () => {
  await writeFile(
    join(config, 'api.env'),
    'JWT_SECRET=x\nNORA_OIDC_CLIENT_SECRET_FILE=/secret\nSENTRY_DSN=\n',
  )
  await utimes(join(config, 'api.env'), old, old)
  await completeRecord(config)
  await writeFile(join(config, 'worker.env'), 'ENCRYPTION_KEY=x\n')
  const record = await completeRecord(config)
  expect(Object.keys(record).sort()).toEqual(['ENCRYPTION_KEY', 'JWT_SECRET', 'NORA_OIDC_CLIENT_SECRET'])
  expect(record['JWT_SECRET']).toEqual({ madeAt: old.toISOString() })
  expect(Date.parse(record['ENCRYPTION_KEY']!.madeAt)).toBeGreaterThan(Date.now() - 60_000)
  expect(await readRecord(config)).toEqual(record)
})

test('a change of the env file makes no secret younger, and what is gone leaves the record', async () => {
  await writeFile(join(config, 'api.env'), 'JWT_SECRET=x\nSENTRY_DSN=y\n')
  await utimes(join(config, 'api.env'), old, old)
  await completeRecord(config)
  await writeFile(join(config, 'api.env'), 'JWT_SECRET=x\n')
  expect(await completeRecord(config)).toEqual({ JWT_SECRET: { madeAt: old.toISOString() } })
})

test('a rotation is noted, and the day it was made stays', async () => {
  await writeFile(join(config, 'api.env'), 'JWT_SECRET=x\n')
  await utimes(join(config, 'api.env'), old, old)
  await completeRecord(config)
  await recordRotation(config, ['JWT_SECRET'], new Date('2026-01-01T00:00:00.000Z'))
  const noted = { madeAt: old.toISOString(), rotatedAt: '2026-01-01T00:00:00.000Z' }
  expect(await completeRecord(config)).toEqual({ JWT_SECRET: noted })
  await expect(recordRotation(config, ['JWT_SECRETS'])).rejects.toThrow('JWT_SECRETS is no secret')
})

test('it is for its owner alone, holds nothing of a value, and a broken one is named', async () => {
  await writeFile(join(config, 'api.env'), 'JWT_SECRET=the-value-itself\n')
  await completeRecord(config)
  const path = join(config, 'secrets.json')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readFile(path, 'utf8')).not.toContain('value')
  await chmod(path, 0o644)
  await recordRotation(config, ['JWT_SECRET'])
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  for (const broken of ['{', '[]', '{"JWT_SECRET":{"madeAt":"soon"}}', '{"JWT_SECRET":null}']) {
    await writeFile(path, broken)
    await expect(readRecord(config)).rejects.toThrow('is broken: remove it')
  }
})
