import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadApiConfig } from '@nora/config/api'
import { loadWorkerConfig } from '@nora/config/worker'
import { derivedPepper } from '@nora/crypto/hub-keys'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readEnvFile } from '../env-files.ts'
import { buildEnvironments } from '../environments.ts'
import { readInstallation } from '../installation.ts'
import { type Layout, layoutFor } from '../layout.ts'
import type { RotationName } from '../secrets/inventory.ts'
import { readRecord } from '../secrets/record.ts'
import { listRotations } from './list.ts'
import { advance, type Effect } from './rotate.ts'

const hex = () => randomBytes(32).toString('hex')
const seed = () => randomBytes(32).toString('base64url')
let layout: Layout
let prefix: string
let first: Record<string, string>

beforeEach(async () => {
  prefix = await mkdtemp(join(tmpdir(), 'nora-rotation-'))
  layout = layoutFor({ root: false, prefix, code: '/nowhere' })
  await mkdir(layout.config, { recursive: true, mode: 0o700 })
  first = {
    JWT_SECRET: hex(),
    NORA_CAPABILITY_PRIVATE_KEY: seed(),
    NORA_SETUP_TOKEN: hex(),
    ENCRYPTION_KEY: hex(),
  }
  const { ENCRYPTION_KEY, ...api } = first
  await write('installation', {
    ...{ NORA_INSTALLATION_ID: '11111111-2222-4333-8444-555555555555', NORA_PORT: '8080' },
    ...{ NORA_WORKER_PORT: '7070', NORA_POSTGRES_PORT: '5432', NORA_AGENT_NETWORK_POOL: '10.214.0.0/16' },
  })
  await write('api', { ...api, NORA_REDIS_PASSWORD_API: hex() }, '# mine: keep me\nSIGNUP_ENABLED=false\n')
  await write('worker', { ENCRYPTION_KEY: ENCRYPTION_KEY!, NORA_REDIS_PASSWORD_WORKER: hex() })
  await write('migrate', {
    ...{ NORA_DB_PASSWORD_MIGRATOR: hex(), NORA_DB_PASSWORD_APP: hex(), NORA_DB_PASSWORD_WORKER: hex() },
  })
})
afterEach(() => rm(prefix, { recursive: true, force: true }))

async function write(name: string, variables: Record<string, string>, before = '') {
  const lines = Object.entries(variables).map(([key, value]) => `${key}=${value}\n`)
  await writeFile(join(layout.config, `${name}.env`), before + lines.join(''), { mode: 0o600 })
}

/** Both processes would start with what stands in the files now. Gives what they would be told. */
async function boots() {
  const { files } = await readInstallation(layout)
  const made = buildEnvironments(files, {
    ...{ postgresPort: 5432, redisUrl: '/run/redis.sock', engineSocket: '/run/docker.sock' },
    ...{ keysDir: '/run/nora/keys', workerDataDir: '/var/lib/nora/worker', code: '/nowhere' },
  })
  return { api: loadApiConfig(made.api), worker: loadWorkerConfig(made.worker) }
}

class Killed extends Error {}

/** Ends the program before the `at`-th change of the disk, or right after it. */
function killAt(at: number, when: 'before' | 'after', seen: string[]): Effect {
  let done = 0
  return async (what, run) => {
    seen.push(what)
    if (when === 'before' && done === at) throw new Killed(what)
    await run()
    if (done++ === at && when === 'after') throw new Killed(what)
  }
}

/** As setup.sh goes about it, with everything started anew where it says so. Killed once; then from the start again. */
async function exchange(name: RotationName, kill: Effect, asked = {}): Promise<string> {
  let effect: Effect | undefined = kill
  let restarted = false
  for (let turn = 0; turn < 20; turn++) {
    try {
      const { next } = await advance(layout, name, { ...asked, restarted }, effect)
      await boots()
      if (next !== 'restart') return next
      restarted = true
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      await boots()
      effect = undefined
      restarted = false
    }
  }
  throw new Error('it does not end')
}

const same: Effect = async (_, run) => void (await run())
const backUp = async () =>
  Promise.all(
    (await readdir(layout.config)).map(async (name) => [
      name,
      await readFile(join(layout.config, name), 'utf8'),
    ]),
  ) as Promise<[string, string][]>
async function putBack(files: [string, string][]) {
  for (const name of await readdir(layout.config)) await rm(join(layout.config, name))
  for (const [name, text] of files) await writeFile(join(layout.config, name), text, { mode: 0o600 })
}

const cases: [RotationName, string[], 'done' | 'wait'][] = [
  ['setup-token', ['NORA_SETUP_TOKEN'], 'done'],
  [
    'database-passwords',
    ['NORA_DB_PASSWORD_MIGRATOR', 'NORA_DB_PASSWORD_APP', 'NORA_DB_PASSWORD_WORKER'],
    'done',
  ],
  ['redis-passwords', ['NORA_REDIS_PASSWORD_API', 'NORA_REDIS_PASSWORD_WORKER'], 'done'],
  ['jwt', ['JWT_SECRET'], 'wait'],
]
const all = async () =>
  Object.assign(
    {},
    ...(await Promise.all(
      (['api', 'worker', 'migrate'] as const).map((one) => readEnvFile(layout.config, one)),
    )),
  )

test.each(cases)(
  '%s, killed before and after every change of the disk, ends with one new value each',
  async (name, variables, end) => {
    const files = await backUp()
    const steps: string[] = []
    expect(await exchange(name, killAt(-1, 'before', steps))).toBe(end)
    expect(steps.length).toBeGreaterThan(3)
    for (const when of ['before', 'after'] as const) {
      for (let at = 0; at < steps.length; at++) {
        await putBack(files)
        const before = await all()
        expect(await exchange(name, killAt(at, when, [])), `${when} ${steps[at]}`).toBe(end)
        const after = await all()
        for (const variable of variables) {
          const [value, ...older] = after[variable].split(',')
          expect([value === before[variable], older], variable).toEqual([
            false,
            end === 'wait' ? [before[variable]] : [],
          ])
        }
        for (const other of Object.keys(before)) {
          if (!variables.includes(other)) expect(after[other], other).toBe(before[other])
        }
        expect(Object.keys(await readRecord(layout.config)).sort()).toEqual([...variables].sort())
      }
    }
  },
)

test('JWT_SECRET: both verify at first; the one before goes once no token of it is good, or when the operator says so', async () => {
  await exchange('jwt', same)
  const [now, before] = (await boots()).api.jwtSecrets
  expect([now === first['JWT_SECRET'], before]).toEqual([false, first['JWT_SECRET']])
  // Asked again it is no second exchange.
  expect(await exchange('jwt', same)).toBe('wait')
  expect(await exchange('jwt', same, { finish: true })).toBe('wait')
  expect((await boots()).api.jwtSecrets).toHaveLength(2)
  expect((await listRotations(layout)).join('\n')).toMatch(
    /jwt +exchanged 20.*\n.*\n +under way since .*both values are good/,
  )
  expect(await exchange('jwt', same, { finish: true, yes: true })).toBe('done')
  expect((await boots()).api.jwtSecrets).toEqual([now])
  await expect(exchange('jwt', same, { finish: true })).rejects.toThrow('no exchange of jwt waits')
})

test('the end of an exchange, killed before and after every change of the disk, leaves the new value alone', async () => {
  await exchange('jwt', same)
  const [now] = (await boots()).api.jwtSecrets
  const files = await backUp()
  const steps: string[] = []
  const asked = { finish: true, yes: true }
  await exchange('jwt', killAt(-1, 'before', steps), asked)
  for (const when of ['before', 'after'] as const) {
    for (let at = 0; at < steps.length; at++) {
      await putBack(files)
      const again = when === 'after' && at === steps.length - 1
      const ended = exchange('jwt', killAt(at, when, []), asked)
      // Killed when all was done: there is nothing to end any more.
      if (again) await expect(ended).rejects.toThrow('no exchange of jwt waits')
      else expect(await ended).toBe('done')
      expect((await boots()).api.jwtSecrets).toEqual([now])
    }
  }
})

test('ENCRYPTION_KEY: the worker has both, by numbers that go up, at whatever change it was killed', async () => {
  const files = await backUp()
  for (let at = 0; at < 4; at++) {
    await putBack(files)
    // The database is not there to be asked: everything is written by then.
    await exchange('encryption-key', killAt(at, 'after', [])).catch(() => undefined)
    const { worker } = await boots()
    expect(worker.keyVersion).toBe(2)
    expect(worker.encryptionKeysPrevious.map(({ version, key }) => [version, key.toString('hex')])).toEqual([
      [1, first['ENCRYPTION_KEY']],
    ])
    expect(worker.encryptionKey.toString('hex')).not.toBe(first['ENCRYPTION_KEY'])
  }
})

test('the pepper of API keys stands by itself before the capability key changes, and is the one there was', async () => {
  await exchange('capability-key', same).catch(() => undefined)
  const { api, worker } = await boots()
  const before = Buffer.from(first['NORA_CAPABILITY_PRIVATE_KEY']!, 'base64url')
  expect(api.hubPeppers).toEqual([derivedPepper(before)])
  expect(api.capabilityPrivateKeysBefore).toEqual([before])
  expect(worker.capabilityPublicKeys).toHaveLength(2)
  await exchange('hub-pepper', same).catch(() => undefined)
  const [now, then] = (await boots()).api.hubPeppers
  expect([now!.equals(derivedPepper(before)), then]).toEqual([false, derivedPepper(before)])
})

test('comments, order, mode and other settings of an env file stay', async () => {
  await exchange('setup-token', same)
  const path = join(layout.config, 'api.env')
  expect(await readFile(path, 'utf8')).toMatch(/^# mine: keep me\nSIGNUP_ENABLED=false\nJWT_SECRET=/)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await readdir(layout.config)).filter((name) => name.endsWith('.new'))).toEqual([])
})

test('a secret that is given as a file is replaced in that file; the encryption key has to stand in worker.env', async () => {
  const path = join(prefix, 'token')
  await writeFile(path, `${hex()}\n`, { mode: 0o400 })
  await write('api', { ...first, ENCRYPTION_KEY: '', NORA_SETUP_TOKEN: '', NORA_SETUP_TOKEN_FILE: path })
  const before = await readFile(path, 'utf8')
  await exchange('setup-token', same)
  expect(await readFile(path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
  expect([(await readFile(path, 'utf8')) === before, (await stat(path)).mode & 0o777]).toEqual([false, 0o400])
  await write('worker', { ENCRYPTION_KEY_FILE: path })
  const refused = advance(layout, 'encryption-key', {})
  await expect(refused).rejects.toThrow('does not stand in worker.env')
  await write('api', { ...first, ENCRYPTION_KEY: '' })
  await expect(advance(layout, 'redis-passwords', {})).rejects.toThrow('Redis has no password here')
})
