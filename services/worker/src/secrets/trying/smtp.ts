import type { Socket } from 'node:net'
import { type DialOptions, dialPublic } from '@nora/dial/public-dialer'
import { bytesOf, type Fields, type KeyTest, type Trial } from './call.ts'
import { broken, incomingOf } from './incoming.ts'
import { judge, refused } from './judge.ts'

type Reply = { code: number; lines: string[] }

/**
 * Signs in at a mail server and leaves (RFC 5321, 4954): inside TLS from the first byte on port 465, else after STARTTLS;
 * never without. @throws DialError
 */
export async function trySmtp({ base, fields }: Trial, options: DialOptions): Promise<KeyTest> {
  const implicit = base.port === '465'
  const socket = await dialPublic(base, {
    ...options,
    ...(!implicit && { startTls: (plain) => startTls(plain, options.signal) }),
  })
  const talk = conversation(socket, options.signal)
  try {
    if (implicit) await talk.expect(220)
    const { lines } = await talk.say('EHLO nora', 250)
    const methods = lines.find((line) => /^AUTH[ =]/i.test(line))?.toUpperCase() ?? ''
    const reply = await signIn(talk, fields, methods)
    if (!reply) return refused(`${base.host} takes no user name and password`)
    const judgement =
      reply.code === 235
        ? ({ works: true } as const)
        : ({ works: false, why: `it answered ${reply.code} to the password` } as const)
    return judge(base.host, 0, judgement)
  } finally {
    socket.destroy()
  }
}

async function startTls(plain: Socket, signal: AbortSignal): Promise<void> {
  const talk = conversation(plain, signal)
  await talk.expect(220)
  const { lines } = await talk.say('EHLO nora', 250)
  if (!lines.some((line) => /^STARTTLS$/i.test(line))) throw broken('it offers no TLS')
  await talk.say('STARTTLS', 220)
  // What came with the answer was said by whoever is in between.
  if (talk.end() > 0) throw broken('it spoke before TLS stood')
}

async function signIn(talk: Conversation, fields: Fields, methods: string): Promise<Reply | undefined> {
  const [user, password] = [bytesOf(fields, 'username'), bytesOf(fields, 'password')]
  if (/\bPLAIN\b/.test(methods)) {
    const nul = Buffer.from([0])
    return talk.sayBytes('AUTH PLAIN ', Buffer.concat([nul, user, nul, password]))
  }
  if (!/\bLOGIN\b/.test(methods)) return undefined
  await talk.say('AUTH LOGIN', 334)
  const asked = await talk.sayBytes('', Buffer.from(user))
  return asked.code === 334 ? talk.sayBytes('', Buffer.from(password)) : asked
}

type Conversation = ReturnType<typeof conversation>

/** One side of a conversation of lines. */
function conversation(socket: Socket, signal: AbortSignal) {
  const incoming = incomingOf(socket, signal, 16 * 1024)
  const reply = () => incoming.next(readReply)
  async function expect(code: number): Promise<Reply> {
    const got = await reply()
    if (got.code !== code) throw broken(`it answered ${got.code} where ${code} belongs`)
    return got
  }
  return {
    expect,
    end: incoming.end,
    say: (line: string, code: number) => {
      socket.write(`${line}\r\n`)
      return expect(code)
    },
    /** Says bytes in base64 and wipes them. */
    sayBytes: (before: string, bytes: Buffer) => {
      socket.write(`${before}${bytes.toString('base64')}\r\n`)
      bytes.fill(0)
      return reply()
    },
  }
}

/** The first whole reply of what came; undefined while there is none. */
export function readReply(received: Buffer): { value: Reply; taken: number } | undefined {
  const match = /^(?:\d{3}-[^\r\n]*\r?\n)*(\d{3})(?: [^\r\n]*)?\r?\n/.exec(received.toString('latin1'))
  if (!match) return undefined
  const lines = match[0].trim().split(/\r?\n/)
  return {
    value: { code: Number(match[1]), lines: lines.map((line) => line.slice(4)) },
    taken: match[0].length,
  }
}
