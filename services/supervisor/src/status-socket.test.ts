import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askSupervisor, serveStatus } from './status-socket.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nora-status-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const status = {
  pid: 1,
  installationId: 'i',
  url: 'u',
  ready: true,
  step: 's',
  failed: null,
  blocked: null,
  processes: [],
}

test('answers status, passes commands on, is closed to others', async () => {
  const path = join(folder, 'sock')
  const heard: string[] = []
  const close = await serveStatus(path, {
    status: () => status,
    stop: ({ keepEngine }) => heard.push(keepEngine ? 'pause' : 'stop'),
    restartApi: () => heard.push('restart-api'),
  })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  for (const command of ['status', 'pause', 'stop', 'restart-api'] as const) {
    expect(await askSupervisor(path, command)).toEqual(status)
  }
  expect(heard).toEqual(['pause', 'stop', 'restart-api'])
  await close()
})

test('no supervisor, or a dead one, is undefined', async () => {
  expect(await askSupervisor(join(folder, 'none'), 'status')).toBeUndefined()
  const dead = join(folder, 'dead')
  const server = createServer().listen(dead)
  await new Promise((resolve) => server.once('listening', resolve))
  await new Promise((resolve) => server.close(resolve))
  expect(await askSupervisor(dead, 'status')).toBeUndefined()
})

test('a supervisor that ends while it is asked is undefined too', async () => {
  const path = join(folder, 'ending')
  const server = createServer((socket) => socket.destroy()).listen(path)
  await new Promise((resolve) => server.once('listening', resolve))
  expect(await askSupervisor(path, 'status')).toBeUndefined()
  server.close()
})
