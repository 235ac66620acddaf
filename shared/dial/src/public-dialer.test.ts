import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, Socket, type Server as TcpServer } from 'node:net'
import { parseAllowedHost } from '@nora/config/provider-hosts'
import { afterEach, expect, test } from 'vitest'
import { type DialOptions, dialPublic } from './public-dialer.ts'

const servers: (Server | TcpServer)[] = []
const sockets = new Set<Socket>()
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

async function listening<T extends Server | TcpServer>(server: T): Promise<number> {
  servers.push(server)
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const options = (allow: string[] = [], more: Partial<DialOptions> = {}): DialOptions => ({
  allowHosts: allow.map((text) => parseAllowedHost(text)!),
  signal: AbortSignal.timeout(60_000),
  ...more,
})
const names = (...addresses: string[]) => ({ resolve: async () => addresses })
const dial = (url: string, given: DialOptions) => dialPublic(new URL(url), given)

test.each([
  'https://127.0.0.1/',
  'https://localhost./',
  'https://0x7f.1/',
  'https://0177.0.0.1/',
  'https://2130706433/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:a9fe:a9fe]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[2002:7f00:1::]/',
  'https://169.254.169.254/latest/meta-data/',
  'https://10.214.0.3/',
])('refuses %s', async (url) => {
  const given = options([], { resolve: async () => ['127.0.0.1'] })
  await expect(dial(url, given)).rejects.toMatchObject({ code: 'destination-refused' })
})

test('refuses a name that points inside, also when it points outside as well', async () => {
  for (const addresses of [['10.0.0.1'], ['8.8.8.8', '10.0.0.1'], ['::ffff:10.0.0.1'], ['fe80::1%1']]) {
    const refusal = dial('https://provider.test/', options([], names(...addresses)))
    await expect(refusal).rejects.toMatchObject({ code: 'destination-refused' })
  }
})

test('refuses plain http to a public address, even before it dials', async () => {
  const refusal = dial('http://provider.test/', options([], names('8.8.8.8')))
  await expect(refusal).rejects.toThrow('provider.test is not https')
})

test.each([
  ['by name and port', (port: number) => `provider.test:${port}`],
  ['by block', () => '127.0.0.0/8'],
])('dials what the operator allows %s, at the address it looked up once', async (_, entry) => {
  const port = await listening(createServer((_request, response) => response.end('ok')))
  let asked = 0
  const resolve = async () => {
    asked++
    return ['127.0.0.1']
  }
  const socket = await dial(`http://provider.test:${port}/`, options([entry(port)], { resolve }))
  expect(socket).toBeInstanceOf(Socket)
  expect(socket.remoteAddress).toBe('127.0.0.1')
  expect(asked).toBe(1)
  socket.destroy()
})

test('an allowed name on one port opens no other', async () => {
  const refusal = dial('https://provider.test:444/', options(['provider.test:443'], names('127.0.0.1')))
  await expect(refusal).rejects.toMatchObject({ code: 'destination-refused' })
})

test('says when nobody listens and when a name is unknown', async () => {
  const port = await listening(createTcpServer())
  await new Promise((resolve) => servers.pop()!.close(resolve))
  await expect(dial(`http://127.0.0.1:${port}/`, options(['127.0.0.1']))).rejects.toThrow('ECONNREFUSED')
  const unknown = options([], { resolve: () => Promise.reject(new Error('ENOTFOUND')) })
  await expect(dial('https://nowhere.test/', unknown)).rejects.toThrow('nowhere.test was not found')
})

test('gives up on a server that never speaks TLS, and on a resolver that never answers', async () => {
  const port = await listening(createTcpServer((socket) => socket.on('error', () => socket.destroy())))
  const silent = options(['127.0.0.1'], { connectMs: 150 })
  await expect(dial(`https://127.0.0.1:${port}/`, silent)).rejects.toThrow('did not answer in time')
  const mute = options([], { connectMs: 150, resolve: () => new Promise(() => undefined) })
  await expect(dial('https://provider.test/', mute)).rejects.toThrow('did not answer in time')
})

test('refuses a server that does not prove its name', async () => {
  const port = await listening(createTcpServer((socket) => socket.end('not TLS at all')))
  await expect(dial(`https://127.0.0.1:${port}/`, options(['127.0.0.1']))).rejects.toThrow('TLS failed')
})
