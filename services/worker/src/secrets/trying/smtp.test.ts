import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { DialOptions } from '@nora/dial/public-dialer'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { selfSigned, type TestCertificate } from '../testing/self-signed.ts'
import { trySmtp } from './smtp.ts'

let certificate: TestCertificate
let server: Server
const open = new Set<Socket>()
/** What the server was told, and whether inside TLS. */
let heard: string[]
beforeAll(() => {
  certificate = selfSigned('mail.test')
})
afterAll(() => certificate.remove())
afterEach(async () => {
  for (const socket of open) socket.destroy()
  await new Promise((resolve) => server.close(resolve))
})

type Ways = { auth?: string; startTls?: boolean; implicit?: boolean; early?: boolean; password?: string }

/** A mail server that speaks just enough; gives its port. */
async function mailServer(ways: Ways = {}): Promise<number> {
  const {
    auth = 'AUTH PLAIN LOGIN',
    startTls = true,
    implicit = false,
    early = false,
    password = 'pass word',
  } = ways
  heard = []
  const good = Buffer.from(`\0user\0${password}`).toString('base64')
  const serve = (socket: Socket, secure: boolean) => {
    const say = (text: string) => socket.write(`${text}\r\n`)
    const expected: ((line: string) => void)[] = []
    socket.on('error', () => socket.destroy())
    socket.on('data', (data) => {
      for (const line of data.toString().split('\r\n').filter(Boolean)) {
        heard.push(`${secure ? 'tls' : 'plain'} ${line}`)
        const next = expected.shift()
        if (next) next(line)
        else if (line.startsWith('EHLO'))
          say(
            `250-mail.test\r\n250-${secure ? auth : 'SIZE 1'}${!secure && startTls ? '\r\n250-STARTTLS' : ''}\r\n250 HELP`,
          )
        else if (line === 'STARTTLS') {
          socket.removeAllListeners('data')
          socket.write(early ? '220 go\r\n250 injected\r\n' : '220 go\r\n')
          serve(certificate.serve(socket), true)
        } else if (line.startsWith('AUTH PLAIN ')) say(line.slice(11) === good ? '235 ok' : '535 no')
        else if (line === 'AUTH LOGIN') {
          say('334 VXNlcm5hbWU6')
          expected.push(
            () => say('334 UGFzc3dvcmQ6'),
            (word) => say(word === Buffer.from(password).toString('base64') ? '235 ok' : '535 no'),
          )
        } else say('500 what')
      }
    })
  }
  server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => socket.destroy())
    if (!implicit) {
      socket.write('220 mail.test ready\r\n')
      return serve(socket, false)
    }
    const secure = certificate.serve(socket)
    secure.once('secure', () => secure.write('220 mail.test ready\r\n'))
    serve(secure, true)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const options = (more: Partial<DialOptions> = {}): DialOptions => ({
  allowHosts: [{ kind: 'host', host: '127.0.0.1', port: null }],
  signal: AbortSignal.timeout(60_000),
  ca: certificate.cert,
  resolve: async () => ['127.0.0.1'],
  ...more,
})
const secret = (password = 'pass word') => ({
  username: Buffer.from('user'),
  password: Buffer.from(password),
})
const tryAt = (port: number, password?: string, more?: Partial<DialOptions>) =>
  trySmtp({ base: new URL(`https://mail.test:${port}`), fields: secret(password), now: 0 }, options(more))

test.each(['AUTH PLAIN LOGIN', 'AUTH LOGIN'])(
  'signs in after STARTTLS with %s, and says nothing secret before',
  async (auth) => {
    const port = await mailServer({ auth })
    expect(await tryAt(port)).toEqual({ outcome: 'works', reason: `mail.test:${port} accepted the key` })
    expect(heard.filter((line) => line.startsWith('plain'))).toEqual(['plain EHLO nora', 'plain STARTTLS'])
    const wrong = await tryAt(port, 'another')
    expect(wrong).toEqual({
      outcome: 'refused',
      reason: `mail.test:${port} refused the key: it answered 535 to the password`,
    })
  },
)

test('a server that offers no TLS, or speaks before it stands, is told nothing', async () => {
  await expect(tryAt(await mailServer({ startTls: false }))).rejects.toThrow('it offers no TLS')
  await new Promise((resolve) => server.close(resolve))
  for (const socket of open) socket.destroy()
  await expect(tryAt(await mailServer({ early: true }))).rejects.toThrow('it spoke before TLS stood')
  expect(heard.join()).not.toContain('AUTH')
})

test('a certificate that nobody vouches for ends it', async () => {
  const port = await mailServer()
  const { ca: _, ...untrusting } = options()
  const attempt = trySmtp(
    { base: new URL(`https://mail.test:${port}`), fields: secret(), now: 0 },
    untrusting,
  )
  await expect(attempt).rejects.toThrow('TLS failed')
  expect(heard.join()).not.toContain('AUTH')
})

test('a server that takes no password, one that goes away, one that never answers', async () => {
  expect((await tryAt(await mailServer({ auth: 'AUTH GSSAPI' }))).reason).toContain(
    'takes no user name and password',
  )
  await new Promise((resolve) => server.close(resolve))
  for (const socket of open) socket.destroy()
  server = createServer((socket) => {
    open.add(socket)
    socket.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  await expect(tryAt((server.address() as AddressInfo).port)).rejects.toThrow('broke before it answered')
  await new Promise((resolve) => server.close(resolve))
  server = createServer((socket) => void open.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const mute = tryAt((server.address() as AddressInfo).port, undefined, { signal: AbortSignal.timeout(200) })
  await expect(mute).rejects.toThrow('did not answer in time')
})
