import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startPostgres } from './postgres.ts'

let folder: string
const never = new AbortController().signal

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-pg-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const options = () => ({
  dataDir: join(folder, 'data'),
  logFile: join(folder, 'pg.log'),
  signal: never,
  fast: true,
})

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

test('starts on loopback with the builtin locale, keeps its data over a restart, and leaves no process', async () => {
  const first = await startPostgres(options())
  await ask(first.superuserUrl, 'create table kept (n int)')
  expect(
    await ask(
      first.superuserUrl,
      `select datlocprovider, datlocale, current_setting('listen_addresses') as bind from pg_database where datname = 'postgres'`,
    ),
  ).toEqual([{ datlocprovider: 'b', datlocale: 'C.UTF-8', bind: '127.0.0.1' }])
  await first.stop()
  expect(() => process.kill(first.pid, 0)).toThrow('ESRCH')

  const second = await startPostgres(options())
  expect(await ask(second.superuserUrl, 'select count(*)::int as rows from kept')).toEqual([{ rows: 0 }])
  await second.stop()
})

test('lets nobody in without the password', async () => {
  const server = await startPostgres(options())
  const url = new URL(server.superuserUrl)
  url.password = 'guess'
  await expect(ask(url.href, 'select 1')).rejects.toThrow('password authentication failed')
  const hba = await readFile(join(folder, 'data', 'pg_hba.conf'), 'utf8')
  expect(hba).not.toMatch(/^(local|host).*trust$/m)
  expect((await stat(join(folder, 'data.superuser'))).mode & 0o777).toBe(0o600)
  await server.stop()
})

test('ends a server that a dead supervisor left on the same data', async () => {
  const left = await startPostgres(options())
  const next = await startPostgres(options())
  expect(next.pid).not.toBe(left.pid)
  await left.exited
  expect(await ask(next.superuserUrl, 'select 1 as one')).toEqual([{ one: 1 }])
  await next.stop()
})

test('an interrupted initdb is no cluster: the next start makes one', async () => {
  await mkdir(join(folder, 'data.new'))
  const server = await startPostgres(options())
  await server.stop()
  expect((await readdir(folder)).sort()).toEqual(['data', 'data.superuser', 'pg.log'])
})

test('says what the server said when it cannot start', async () => {
  const server = await startPostgres(options())
  const second = { ...options(), dataDir: join(folder, 'other'), port: server.port }
  await expect(startPostgres(second)).rejects.toThrow('could not bind')
  await server.stop()
})

test.runIf(process.getuid?.() === 0)('runs as the uid it is given', async () => {
  // initdb wants an entry in the passwd file: Debian's nobody has one everywhere.
  await chmod(folder, 0o711)
  const server = await startPostgres({ ...options(), runAs: { uid: 65_534, gid: 65_534 } })
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8')
  expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m)
  expect(status).toMatch(/^CapEff:\t0+$/m)
  expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  expect(await readFile(`/proc/${server.pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 +0 /m)
  await server.stop()
})
