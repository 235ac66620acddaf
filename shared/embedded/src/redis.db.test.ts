import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startRedis } from './redis.ts'

let folder: string
const never = new AbortController().signal

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nora-redis-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

const options = (persistent: boolean) => ({
  dir: join(folder, 'data'),
  socketPath: join(folder, 'run', 'redis.sock'),
  persistent,
  signal: never,
})

function ask(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketPath, () => socket.write(`${command}\r\n`))
    socket.once('error', reject)
    socket.once('data', (data) => {
      socket.destroy()
      resolve(data.toString().trim())
    })
  })
}

test('keeps what it was told over a restart when persistent, on a socket only its owner may use', async () => {
  const first = await startRedis(options(true))
  expect(await ask(first.url, 'SET kept yes')).toBe('+OK')
  expect(await ask(first.url, 'CONFIG GET maxmemory-policy')).toContain('noeviction')
  expect(await ask(first.url, 'CONFIG GET port')).toMatch(/\r\n0$/)
  expect((await stat(first.url)).mode & 0o777).toBe(0o700)
  await first.stop()
  expect(() => process.kill(first.pid, 0)).toThrow('ESRCH')
  const second = await startRedis(options(true))
  expect(await ask(second.url, 'GET kept')).toContain('yes')
  await second.stop()
})

test('forgets when not persistent', async () => {
  const first = await startRedis(options(false))
  await ask(first.url, 'SET kept yes')
  await first.stop()
  const second = await startRedis(options(false))
  expect(await ask(second.url, 'GET kept')).toBe('$-1')
  await second.stop()
})

test('names a socket path that the kernel would cut', async () => {
  const socketPath = join(folder, 'x'.repeat(110), 'redis.sock')
  await expect(startRedis({ ...options(false), socketPath })).rejects.toThrow('longer than 107 bytes')
})
