import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { isRoot, privilegePrefix } from '@nora/embedded/privileges'
import { waitFor } from '@nora/embedded/wait'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadAccounts } from './accounts.ts'
import { readInstallation } from './installation.ts'
import { changeEnvFile } from './rotation/write-env.ts'
import { type StandIn, standInInstallation } from './stand-in.fixture.ts'
import { askSupervisor } from './status-socket.ts'

const exec = promisify(execFile)
let standIn: StandIn
let supervisor: Awaited<ReturnType<StandIn['up']>> | undefined

beforeAll(async () => {
  standIn = await standInInstallation()
  supervisor = await standIn.up()
})
afterAll(async () => {
  if (supervisor) process.kill(supervisor.pid, 'SIGTERM')
  await supervisor?.exited
  await standIn.remove()
})

const isAlive = async (pid: number) => {
  const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return state !== '' && !state.includes(') Z ')
}

const pidOf = async (name: string) => {
  const status = await standIn.untilStatus((now) => now.processes.some((one) => one.name === name && one.pid))
  return status.processes.find((one) => one.name === name)?.pid as number
}

/** The same of one that runs its own program by now: what was just started may still have the supervisor's rights and environment. */
const speakerOf = async (name: 'netguard' | 'worker' | 'api') => {
  const speaks = async () => (await standIn.log(name)).includes(`stoppable ${await pidOf(name)}\n`)
  await expect.poll(speaks, { timeout: 60_000 }).toBe(true)
  return pidOf(name)
}
/** Postgres and Redis run for the supervisor only once they answer. */
const runningPids = async () => {
  const guard = isRoot() ? [await speakerOf('netguard')] : []
  return [
    ...guard,
    await pidOf('postgres'),
    await pidOf('redis'),
    await speakerOf('worker'),
    await speakerOf('api'),
  ]
}

test('everything runs, each told only what it may hold', async () => {
  const status = await standIn.untilStatus((now) => now.processes.every((one) => one.state === 'running'))
  const guard = isRoot() ? ['netguard'] : []
  expect(status.processes.map((one) => one.name)).toEqual([...guard, 'postgres', 'redis', 'worker', 'api'])
  const api = await standIn.log('api')
  expect(api).toContain('NORA_SEAL_KEY')
  expect(api).not.toMatch(/ENCRYPTION_KEY|DOCKER_HOST|NORA_DB_PASSWORD/)
  const worker = await waitFor(
    async () => {
      const log = await standIn.log('worker')
      return log.includes('up ') ? log : undefined
    },
    {
      ...{ signal: new AbortController().signal, deadlineMs: 60_000 },
      describe: async () => 'the worker said nothing',
    },
  )
  expect(worker).toContain('ENCRYPTION_KEY')
  expect(worker).not.toMatch(/JWT_SECRET|NORA_SEAL_KEY|NORA_CAPABILITY_PRIVATE_KEY|NORA_SETUP_TOKEN/)
})

test('a killed worker is started again; the others are left alone', async () => {
  const before = { worker: await pidOf('worker'), api: await pidOf('api') }
  process.kill(before.worker, 'SIGKILL')
  const after = await standIn.untilStatus((now) =>
    now.processes.some(
      (one) => one.name === 'worker' && one.state === 'running' && one.pid !== before.worker,
    ),
  )
  expect(after.processes.find((one) => one.name === 'worker')?.restarts).toBe(1)
  expect(await pidOf('api')).toBe(before.api)
  expect(await standIn.log('supervisor')).toContain('worker: ended with SIGKILL; starting again in 0.2 s')
})

test('a killed Postgres comes back with its data on the same port', async () => {
  const before = await pidOf('postgres')
  process.kill(before, 'SIGKILL')
  await standIn.untilStatus((now) =>
    now.processes.some((one) => one.name === 'postgres' && one.state === 'running' && one.pid !== before),
  )
  const { files } = await readInstallation(standIn.layout)
  const password = files.migrate['NORA_DB_PASSWORD_MIGRATOR']
  const client = new pg.Client(
    `postgres://nora_migrator:${password}@127.0.0.1:${files.installation['NORA_POSTGRES_PORT']}/nora`,
  )
  await client.connect()
  expect((await client.query('select current_user as me')).rows).toEqual([{ me: 'nora_migrator' }])
  await client.end()
})

test('an api that is started again alone keeps what Postgres and the worker were started with, and takes the rest', async () => {
  const told = async () => {
    const text = await readFile(`/proc/${await speakerOf('api')}/environ`, 'utf8')
    return Object.fromEntries(text.split('\0').map((line) => line.split(/=(.*)/s).slice(0, 2)))
  }
  const { config, statusSocket } = standIn.layout
  const before = { pid: await pidOf('api'), ...(await told()) }
  const [kept, other] = [await readFile(join(config, 'migrate.env'), 'utf8'), 'f0e1d2c3'.repeat(8)]
  await changeEnvFile(config, 'migrate', { NORA_DB_PASSWORD_APP: other })
  await changeEnvFile(config, 'api', { JWT_SECRET: other })
  await askSupervisor(statusSocket, 'restart-api')
  await standIn.untilStatus((now) =>
    now.processes.some((one) => one.name === 'api' && one.state === 'running' && one.pid !== before.pid),
  )
  const after = await told()
  expect([after['JWT_SECRET'], after['DATABASE_URL']]).toEqual([other, before['DATABASE_URL']])
  await writeFile(join(config, 'migrate.env'), kept, { mode: 0o600 })
})

test("the status socket, the env files and the config folder are their owner's alone", async () => {
  const mode = async (path: string) => (await stat(path)).mode & 0o777
  expect(await mode(standIn.layout.statusSocket)).toBe(0o600)
  expect(await mode(standIn.layout.config)).toBe(0o700)
  for (const name of ['api', 'worker', 'migrate', 'installation']) {
    expect(await mode(join(standIn.layout.config, `${name}.env`))).toBe(0o600)
  }
})

test.runIf(isRoot())('each process has its own uid, no privileges and no core dumps', async () => {
  const uids = new Set<string>()
  const names = ['netguard', 'postgres', 'redis', 'worker', 'api']
  for (const [n, pid] of (await runningPids()).entries()) {
    const name = names[n]
    const { stdout } = await exec('cat', [`/proc/${pid}/status`, `/proc/${pid}/limits`])
    uids.add(/^Uid:\t(\d+)/m.exec(stdout)?.[1] as string)
    expect(stdout).toMatch(/^NoNewPrivs:\t1$/m)
    expect(stdout).toMatch(/^Max core file size +0 /m)
    // CAP_NET_ADMIN is the twelfth bit (linux/capability.h).
    const held = name === 'netguard' ? /^CapEff:\t0+1000$/m : /^CapEff:\t0+$/m
    if (name !== 'worker') expect(stdout).toMatch(held)
  }
  expect(uids.size).toBe(5)
  expect(uids.has('0')).toBe(false)
})

test.runIf(isRoot())("the api's uid reads neither the worker's secrets nor the engine", async () => {
  const { engineSocket } = await readInstallation(standIn.layout)
  const accounts = await loadAccounts(engineSocket)
  const [file, ...prefix] = privilegePrefix(accounts.api, 'none')
  const asApi = (...command: string[]) => exec(file as string, [...prefix, ...command])
  const worker = await speakerOf('worker')
  // The same commands work on what is the api's own, so a refusal below is not a broken test.
  expect((await asApi('cat', `/proc/${await speakerOf('api')}/environ`)).stdout).toContain('NORA_SEAL_KEY')
  for (const command of [
    ['cat', `/proc/${worker}/environ`],
    ['cat', join(standIn.layout.config, 'worker.env')],
    ['ls', join(standIn.layout.data, 'worker')],
    ['ls', join(standIn.layout.data, 'postgres/data')],
    ['cat', join(standIn.layout.data, 'postgres/data.superuser')],
    ['cat', join(standIn.layout.logs, 'worker.log')],
  ]) {
    await expect(asApi(...command), command.join(' ')).rejects.toThrow('Permission denied')
  }
  const dial = `require('net').connect(process.argv[1]).on('error', (e) => { console.log(e.code) }).on('connect', () => { console.log('in'); process.exit() })`
  for (const socket of [engineSocket, standIn.layout.statusSocket]) {
    expect((await asApi(process.execPath, '-e', dial, socket)).stdout.trim()).toBe('EACCES')
  }
  const redis = join(standIn.layout.run, 'redis/redis.sock')
  expect((await asApi(process.execPath, '-e', dial, redis)).stdout.trim()).toBe('in')
})

test('a supervisor that is killed takes its children along, and the next one starts over their remains', async () => {
  const pids = await Promise.all(['postgres', 'redis', 'worker', 'api'].map(pidOf))
  process.kill(supervisor?.pid as number, 'SIGKILL')
  await supervisor?.exited
  for (const pid of pids) {
    await waitFor(async () => ((await isAlive(pid)) ? undefined : true), {
      ...{ signal: new AbortController().signal, deadlineMs: 60_000 },
      describe: async () => `process ${pid} outlived its supervisor`,
    })
  }
  supervisor = await standIn.up()
})

test('stops in order: the api before the worker, Postgres last', async () => {
  const pids = await Promise.all(['postgres', 'redis', 'worker', 'api'].map(pidOf))
  // All is ready once the api answers, and the worker may still be about to say what it does when it is stopped.
  for (const name of ['worker', 'api'] as const) await speakerOf(name)
  process.kill(supervisor?.pid as number, 'SIGTERM')
  expect(await supervisor?.exited).toBe(0)
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  const stopped = [...(await standIn.log('supervisor')).matchAll(/ (\w+): stopped$/gm)].map(
    ([, name]) => name,
  )
  expect(stopped).toEqual(['api', 'worker', 'redis', 'postgres', ...(isRoot() ? ['netguard'] : [])])
  // The last life's line: an earlier one ended with its supervisor, in no order.
  const when = async (name: string) =>
    BigInt([...(await standIn.log(name)).matchAll(/stopping (\d+)/g)].at(-1)?.[1] ?? 0)
  expect((await when('api')) < (await when('worker'))).toBe(true)
  expect(await standIn.status()).toBeUndefined()

  supervisor = await standIn.up()
})
