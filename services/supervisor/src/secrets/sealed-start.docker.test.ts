import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { waitUntil } from '@nora/testing/wait-until'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type StandIn, standInInstallation } from '../stand-in.fixture.ts'
import { destinationOf, moveKey } from './move-key.ts'

const passphrase = 'a passphrase of some length'
let standIn: StandIn
let phrase = ''
beforeAll(async () => {
  standIn = await standInInstallation()
  phrase = join(standIn.layout.config, 'phrase')
  await writeFile(phrase, passphrase, { mode: 0o600 })
  const nobody = () => Promise.reject(new Error('somebody was asked'))
  await moveKey(standIn.layout.config, destinationOf('sealed-file', standIn.layout.config), {
    ...{ passphraseFile: phrase, current: nobody, fresh: nobody },
  })
})
afterAll(() => standIn.remove())

test('a sealed key is opened at the start: the worker is given it, the api its seal key, neither the passphrase', async () => {
  const supervisor = await standIn.up()
  await standIn.untilStatus((now) => now.processes.every((one) => one.state === 'running'))
  // A process that was started has not said anything yet.
  const said = async (name: string) => (await standIn.log(name)).startsWith('up ')
  const both = async () => (await said('worker')) && (await said('api'))
  await waitUntil('worker and api to say what they were given', both, { deadlineMs: 60_000 })
  process.kill(supervisor.pid, 'SIGTERM')
  expect(await supervisor.exited).toBe(0)
  const lines = async (name: string) => (await standIn.log(name)).split('\n')[0]?.split(' ')
  expect(await lines('worker')).toContain('ENCRYPTION_KEY')
  expect(await lines('api')).toContain('NORA_SEAL_KEY')
  for (const name of ['worker', 'api']) expect(await standIn.log(name)).not.toMatch(/PASSPHRASE|SEALED_FILE/)
})

test('without its passphrase nothing starts, and the reason is said', async () => {
  await rm(phrase)
  const supervisor = standIn.run()
  expect(await supervisor.exited).toBe(78)
  expect(await standIn.log('supervisor')).toContain('ENCRYPTION_KEY_PASSPHRASE_FILE')
})
