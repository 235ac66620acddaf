import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const good = {
  DATABASE_URL: 'postgres://nora_migrator:3b1f09d2c4@127.0.0.1:1/nora',
  NORA_DB_PASSWORD_APP: '5f0c1e7a9b3d48266c4e0f1a7d2b9358',
  NORA_DB_PASSWORD_WORKER: 'e19b7340c2d8465fa1073bd65c82e4f9',
}

function run(env: Record<string, string>) {
  const entry = join(import.meta.dirname, 'run.ts')
  return spawnSync(process.execPath, [entry], { env, encoding: 'utf8', timeout: 120_000 })
}

test.each([
  ['a placeholder', { NORA_DB_PASSWORD_APP: 'change-me' }, 'NORA_DB_PASSWORD_APP'],
  ['a secret of the worker', { ENCRYPTION_KEY: 'ab'.repeat(32) }, 'ENCRYPTION_KEY'],
  ['another role', { DATABASE_URL: 'postgres://nora_app:3b1f09d2c4@127.0.0.1:1/nora' }, 'DATABASE_URL'],
])('the migrate process refuses to start with %s and says which variable', (_, wrong, name) => {
  const { status, stderr } = run({ ...good, ...wrong })
  expect(stderr).toContain(`refusing to start: ${name}`)
  expect(status).toBe(78)
})

test('with good settings it goes on to the database, and says so when there is none', () => {
  const { status, stderr } = run(good)
  expect(stderr).toMatch(/^migrate: .*ECONNREFUSED/)
  expect(status).toBe(1)
})
