import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { redisAccess } from '@nora/supervisor/compose/redis-acl'
import { freePort } from '@nora/testing/free-port'
import { testDatabase } from '@nora/testing/postgres'
import { waitUntil } from '@nora/testing/wait-until'
import Docker from 'dockerode'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, signedIn } from './client.ts'
import { type Processes, startProcesses } from './processes.ts'

const database = testDatabase()
const it = {} as Processes
const shipped = fileURLToPath(new URL('../infra/images/redis.conf', import.meta.url))
let folder: string
let host: string
let access: ReturnType<typeof redisAccess>
let server: ChildProcess
/** Of this test alone: what was refused to whom is written where only an administrator looks. */
let observer: Redis

/** The container's own settings, with this test's addresses and folders in them. */
async function startRedis(): Promise<void> {
  const [address, port] = host.split(':')
  const changed = (await readFile(shipped, 'utf8'))
    .replace(/^(aclfile|bind|port|dir|logfile) .*\n/gm, '')
    .concat(`bind ${address}\nport ${port}\ndir ${folder}\n`)
    .concat(`aclfile ${join(folder, 'users.acl')}\nlogfile ${join(folder, 'redis.log')}\n`)
  await writeFile(join(folder, 'redis.conf'), changed)
  server = spawn('redis-server', [join(folder, 'redis.conf')], { stdio: 'ignore' })
  await waitUntil('Redis to answer', async () => (await observer.ping()) === 'PONG', { deadlineMs: 60_000 })
}

async function stopRedis(): Promise<void> {
  if (server.exitCode !== null) return
  const gone = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGTERM')
  await gone
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-redis-users-'))
  host = `127.0.0.1:${await freePort()}`
  const password = () => randomBytes(32).toString('hex')
  access = redisAccess(
    {
      ...{ installation: {}, migrate: {}, demo: {} },
      api: { NORA_REDIS_PASSWORD_API: password() },
      worker: { NORA_REDIS_PASSWORD_WORKER: password() },
    },
    host,
  )
  const observing = password()
  await writeFile(join(folder, 'users.acl'), `${access.acl}user observer on >${observing} ~* &* +@all\n`)
  observer = new Redis(`redis://observer:${observing}@${host}`, {
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
  })
  observer.on('error', () => undefined) // it is away while it starts
  await startRedis()
  await startProcesses(it, {
    ...{ database, docker: new Docker(), redisUrl: access.urls.worker },
    settings: { REDIS_URL: access.urls.api },
  })
}, 300_000)
afterAll(async () => {
  await it.close?.()
  observer?.disconnect()
  if (server) await stopRedis()
  await rm(folder, { recursive: true, force: true })
}, 300_000)

const refusals = async () => {
  const log = (await observer.call('ACL', 'LOG')) as unknown[][]
  return log.map((entry) =>
    ['reason', 'object', 'username'].map((name) => String(entry[entry.indexOf(name) + 1])),
  )
}

describe('api and worker, each as its own user of Redis', () => {
  let alice: Client

  test('do the whole job, and are refused nothing', async () => {
    alice = await signedIn(it, 'alice')
    const wrong = { email: 'alice@nora.test', password: 'this is not the password', transport: 'bearer' }
    expect((await alice.post('auth/login', wrong)).status).toBe(401)
    const agentId = await alice.deploy({ name: 'first', runtime: 'starter', providerKeyIds: [] })
    await alice.until(agentId, 'running', 120_000)
    const log = await alice.follow(agentId, 0)
    await waitUntil('a line', () => log.lines().length > 0, { deadlineMs: 90_000 })
    log.close()
    await alice.delete(`agents/${agentId}`)
    const gone = async () => (await alice.get(`agents/${agentId}`)).status === 404
    await waitUntil('the agent to be gone', gone, { deadlineMs: 120_000 })
    // Rings came through Redis and not by the sweeper: the doorbell's own keys are there. A late one is waited for by nobody else.
    const rung = async () => (await observer.exists('nora:operations:id')) === 1
    await waitUntil('a ring', rung, { deadlineMs: 60_000 })
    expect(await refusals()).toEqual([])
  }, 300_000)

  const ready = async () => (await fetch(`${it.url}/api/readyz`, { signal: AbortSignal.timeout(20_000) })).ok

  test('find what they left after a restart: the file is read without a complaint', async () => {
    const rings = async () => Number(await observer.get('nora:operations:id'))
    await observer.set('of-this-test', 'left')
    const before = await rings()
    await stopRedis()
    await startRedis()
    expect(await observer.get('of-this-test')).toBe('left')
    // A ring that took too long to be waited for may be counted only now.
    expect(await rings()).toBeGreaterThanOrEqual(before)
    expect(await readFile(join(folder, 'redis.log'), 'utf8')).not.toMatch(/NOPERM|CRITICAL/)
    await waitUntil('the api to be ready again', ready, { deadlineMs: 60_000 })
    expect(await refusals()).toEqual([])
  })
})

const dangerous = [
  'FLUSHALL',
  'FLUSHDB',
  'CONFIG GET *',
  'CONFIG SET dir /tmp',
  'KEYS *',
  'SCAN 0',
  'RANDOMKEY',
  'DEBUG SLEEP 0',
  'ACL LIST',
  'ACL SETUSER x on',
  'SHUTDOWN NOSAVE',
  'MONITOR',
  'SAVE',
  'BGSAVE',
  'BGREWRITEAOF',
  'REPLICAOF 127.0.0.1 1',
  'MODULE LIST',
  'SCRIPT FLUSH',
  'FUNCTION LIST',
  'CLIENT LIST',
  'CLIENT KILL TYPE normal',
  'SWAPDB 0 1',
  'DUMP nora:operations:id',
  'MIGRATE 127.0.0.1 1 nora:operations:id 0 10',
  'SLOWLOG GET',
  'LATENCY DOCTOR',
  'MEMORY DOCTOR',
  'PUBSUB CHANNELS',
  'PSUBSCRIBE *',
  'SUBSCRIBE other',
  'PUBLISH other x',
  'SET other x',
  'GET other',
  'COPY nora:operations:id other',
  'OBJECT ENCODING nora:operations:id',
] as const

describe.each(['api', 'worker'] as const)('the user of the %s', (name) => {
  let own: Redis
  beforeAll(() => {
    own = new Redis(access.urls[name], { retryStrategy: () => null, enableReadyCheck: false })
    return () => own.disconnect()
  })

  test.each(dangerous)('may not %s', async (line) => {
    const [command, ...words] = line.split(' ') as [string, ...string[]]
    await expect(own.call(command, ...words)).rejects.toThrow(/NOPERM|DEBUG command not allowed/)
  })

  test('reaches through a script what it reaches without one', async () => {
    const refused = /can't run this command|can't access at least one of the keys|NOPERM/
    await expect(own.eval("return redis.call('FLUSHALL')", 0)).rejects.toThrow(refused)
    await expect(own.eval("return redis.call('SET', 'other', 'x')", 0)).rejects.toThrow(refused)
    await expect(own.eval("return redis.call('SET', KEYS[1], 'x')", 1, 'other')).rejects.toThrow(refused)
  })
})

test("the worker's user does not see the counters of sign-ins", async () => {
  const worker = new Redis(access.urls.worker, { retryStrategy: () => null })
  await expect(worker.get('nora:login:x')).rejects.toThrow(/NOPERM/)
  await expect(worker.del('nora:limit:x')).rejects.toThrow(/NOPERM/)
  worker.disconnect()
})

test('nobody gets in without a name and its password, and the health check asks one thing', async () => {
  expect(await say('PING')).toMatch(/^-NOAUTH/)
  expect(await say('AUTH default ""')).toMatch(/^-WRONGPASS/)
  expect(await say('AUTH nora_api guess')).toMatch(/^-WRONGPASS/)
  expect(await say('FLUSHALL')).toMatch(/^-NOAUTH/)
  expect(await say('AUTH nora_health none', 'PING', 'GET nora:operations:id', 'INFO')).toMatch(
    /^\+OK\r\n\+PONG\r\n-NOPERM.*\r\n-NOPERM.*\r\n$/,
  )
})

/** What Redis answers to these lines on one connection of a stranger's. */
function say(...lines: string[]): Promise<string> {
  const [address, port] = host.split(':')
  const socket = connect({ host: address, port: Number(port) })
  socket.end(`${lines.join('\r\n')}\r\n`)
  return text(socket)
}
