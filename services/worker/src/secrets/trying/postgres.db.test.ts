import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { testDatabase } from '@nora/testing/postgres'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { selfSigned, type TestCertificate } from '../testing/self-signed.ts'
import { tryPostgres } from './postgres.ts'

// A real Postgres, behind what gives it the TLS that it has none of here.

const database = testDatabase()
const open = new Set<Socket>()
let certificate: TestCertificate
let server: Server
let real: URL
beforeAll(async () => {
  certificate = selfSigned('db.test')
  real = new URL(database.appUrl)
  await database.asSuperuser('select 1')
})
afterAll(() => certificate.remove())
afterEach(async () => {
  for (const socket of open) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

async function front(answer: string, onStart: (socket: Socket) => void): Promise<number> {
  server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('data', (request) => {
      expect(request.toString('hex')).toBe('0000000804d2162f')
      socket.write(answer)
      onStart(socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
const behindTls = (serve: (socket: Socket) => void) =>
  front('S', (socket) => serve(certificate.serve(socket)))
const toPostgres = (socket: Socket) => {
  const upstream = connect(Number(real.port), real.hostname)
  open.add(upstream)
  for (const one of [socket, upstream]) one.on('error', () => one.destroy())
  socket.pipe(upstream).pipe(socket)
}

function tryAt(
  port: number,
  { user = real.username, password = real.password, name = real.pathname.slice(1) } = {},
) {
  const url = Buffer.from(`postgres://${user}:${password}@db.test:${port}/${name}`)
  const options = {
    allowHosts: [{ kind: 'host' as const, host: '127.0.0.1', port: null }],
    signal: AbortSignal.timeout(60_000),
    ca: certificate.cert,
    resolve: async () => ['127.0.0.1'],
  }
  return tryPostgres({ base: new URL(`https://db.test:${port}`), fields: { url }, now: 0 }, options)
}

test('the right password works; a wrong one, an unknown user and an unknown database are refused', async () => {
  const port = await behindTls(toPostgres)
  expect(await tryAt(port)).toEqual({ outcome: 'works', reason: `db.test:${port} accepted the key` })
  const notIn = { outcome: 'refused', reason: expect.stringContaining('does not let this user in') }
  expect(await tryAt(port, { password: 'canary-wrong' })).toEqual(notIn)
  expect(await tryAt(port, { user: 'nobody' })).toEqual(notIn)
  const gone = await tryAt(port, { name: 'canary-none' })
  expect(gone).toMatchObject({ outcome: 'refused', reason: expect.stringContaining('no such database') })
  expect(gone.reason).not.toContain('canary')
})

test.each([
  ['N', 'it offers no TLS'],
  ['Sx', 'it spoke before TLS stood'],
])('a server that answers %j is told nothing', async (answer, words) => {
  const port = await front(answer, (socket) =>
    socket.once('data', () => expect.unreachable('it was told more')),
  )
  await expect(tryAt(port)).rejects.toThrow(words)
})

test.each([
  ['asks for the password in clear', '520000000800000003', 'another way than SCRAM'],
  ['is no Postgres', '485454502f312e31', 'another protocol'],
  ['lies about its length', '52ffffffff00000000', 'another protocol'],
])('a server that %s', async (_, hex, words) => {
  const port = await behindTls((socket) => socket.once('data', () => socket.write(Buffer.from(hex, 'hex'))))
  await expect(tryAt(port)).rejects.toThrow(words)
})

test.each([12, 0])('a server that does not know the password cannot say that it works: %i', async (last) => {
  const message = (kind: number, text: string) => {
    const body = Buffer.concat([Buffer.from([0, 0, 0, kind]), Buffer.from(text)])
    const head = Buffer.alloc(5)
    head.write('R')
    head.writeInt32BE(body.length + 4, 1)
    return Buffer.concat([head, body])
  }
  const port = await behindTls((socket) => {
    const steps = [
      () => message(10, 'SCRAM-SHA-256\0\0'),
      (heard: string) => message(11, `r=${/r=([^,]+)$/.exec(heard)![1]}more,s=c2FsdA==,i=4096`),
      () => Buffer.concat([message(last, `v=${Buffer.alloc(32).toString('base64')}`), message(0, '')]),
    ]
    socket.on('data', (data) => socket.write(steps.shift()!(data.toString('latin1'))))
  })
  await expect(tryAt(port)).rejects.toThrow('does not sign in as SCRAM-SHA-256 says')
})
