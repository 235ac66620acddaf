import type { Socket } from 'node:net'
import { type DialOptions, dialPublic } from '@nora/dial/public-dialer'
import { bytesOf, type KeyTest, type Trial, UntriableError } from './call.ts'
import { broken } from './incoming.ts'
import { judge } from './judge.ts'
import { type Messages, messagesOf } from './postgres-messages.ts'
import { scramClient } from './scram.ts'

/** SSLRequest of PostgreSQL's protocol (55.7). */
const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

/** A server says its settings, some thirty of them, before it is ready. */
const mostMessages = 200

type SignIn = { user: string; password: Buffer; database: string }

/**
 * Signs in at a Postgres server and leaves: inside TLS that the server's certificate vouches for, never without.
 * @throws DialError, UntriableError
 */
export async function tryPostgres({ base, fields }: Trial, options: DialOptions): Promise<KeyTest> {
  const who = signInOf(bytesOf(fields, 'url'))
  try {
    const socket = await dialPublic(base, {
      ...options,
      startTls: (plain) => startTls(plain, options.signal),
    })
    try {
      return await signIn(messagesOf(socket, options.signal), base.host, who)
    } finally {
      socket.destroy()
    }
  } finally {
    who.password.fill(0)
  }
}

/** The parts of `postgres://user:password@host/database`. */
function signInOf(bytes: Buffer): SignIn {
  const text = bytes.toString('utf8')
  const url = URL.canParse(text) ? new URL(text) : undefined
  try {
    const user = decodeURIComponent(url?.username ?? '')
    const password = Buffer.from(decodeURIComponent(url?.password ?? ''))
    if (user === '' || password.length === 0)
      throw new UntriableError('its URL has no user name and password')
    return { user, password, database: decodeURIComponent(url?.pathname.slice(1) ?? '') || user }
  } catch (error) {
    if (error instanceof URIError) throw new UntriableError('its URL cannot be read')
    throw error
  }
}

async function startTls(plain: Socket, signal: AbortSignal): Promise<void> {
  const messages = messagesOf(plain, signal)
  plain.write(sslRequest)
  const answer = await messages.byte()
  if (answer !== 'S') throw broken('it offers no TLS')
  // What came with the answer was said by whoever is in between.
  if (messages.end() > 0) throw broken('it spoke before TLS stood')
}

async function signIn(messages: Messages, host: string, who: SignIn): Promise<KeyTest> {
  const { user, password, database } = who
  messages.start({ user, database, application_name: 'nora' })
  let scram: ReturnType<typeof scramClient> | undefined
  let proven = false
  let isIn = false
  for (let heard = 0; heard < mostMessages; heard++) {
    const { type, body } = await messages.next()
    // What a server says of an error may hold what it was sent: its SQLSTATE alone says enough.
    if (type === 'E') return judge(host, 0, { works: false, why: whyOf(body) })
    // Only when it is ready has it looked at the database, too.
    if (isIn && type === 'Z') {
      return judge(host, 0, { works: true, ...(!scram && { remark: 'it asked for no password' }) })
    }
    if (isIn) continue
    if (type !== 'R') break
    const kind = body.readInt32BE(0)
    const rest = body.subarray(4)
    if (kind === 0 && (proven || !scram)) isIn = true
    else if (kind === 10 && /(?:^|\0)SCRAM-SHA-256\0/.test(rest.toString('latin1'))) {
      scram = scramClient(password)
      messages.saySasl('SCRAM-SHA-256', scram.first)
    } else if (kind === 11 && scram) messages.say('p', await scram.answer(rest))
    else if (kind === 12 && scram) {
      scram.verify(rest)
      proven = true
    } else if (scram) throw broken('it does not sign in as SCRAM-SHA-256 says')
    else throw new UntriableError('the server asks for the password in another way than SCRAM-SHA-256')
  }
  throw broken('it speaks another protocol')
}

/** By SQLSTATE (appendix A of PostgreSQL's manual). */
function whyOf(body: Buffer): string {
  const field = body
    .toString('latin1')
    .split('\0')
    .find((one) => one.startsWith('C'))
  const state = field?.slice(1) ?? ''
  if (state.startsWith('28'))
    return 'it does not let this user in with this password, or not from this server'
  if (state === '3D000') return 'there is no such database'
  if (state.startsWith('53') || state.startsWith('57')) return 'it takes no connections at the moment'
  return 'it does not say why'
}
