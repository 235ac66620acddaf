import { DialError } from '@nora/dial/public-dialer'
import { fc, hostileBytes, hostileText, readingOf } from '@nora/testing/fuzz'
import { expect, test } from 'vitest'
import { memberOf, UntriableError } from './call.ts'
import { googleForm } from './google.ts'
import { readMessage } from './postgres-messages.ts'
import { scramClient } from './scram.ts'
import { readReply } from './smtp.ts'

// What a server says that a person has named is anybody's.

const isDeclared = (error: unknown) => error instanceof DialError || error instanceof UntriableError

test('a mail server’s reply is a whole one, or none yet', () => {
  const good = fc.constantFrom(
    '220 ready\r\n',
    '250-a\r\n250-AUTH PLAIN\r\n250 b\r\n',
    '535 5.7.8 no\n',
    '235\r\n',
  )
  fc.assert(
    fc.property(hostileText(good), (text) => {
      const received = Buffer.from(text, 'latin1')
      const read = readingOf(() => readReply(received))
      if (!read) return
      expect(read.taken).toBeLessThanOrEqual(received.length)
      expect(received.toString('latin1', 0, read.taken)).toMatch(/\d{3}.*\n$/s)
      expect(read.value.code).toBeGreaterThanOrEqual(0)
    }),
  )
})

test('a message of Postgres is a whole one, or none yet', () => {
  const message = fc
    .tuple(fc.constantFrom('R', 'E', 'S', 'Z', 'H'), hostileBytes, fc.constantFrom(0, -1, 1, 1 << 30))
    .map(([type, body, off]) => {
      const head = Buffer.alloc(5)
      head.write(type)
      head.writeInt32BE(body.length + 4 + off, 1)
      return Buffer.concat([head, body])
    })
  fc.assert(
    fc.property(fc.oneof(hostileBytes, message), (received) => {
      const read = readingOf(() => readMessage(received), isDeclared)
      if (!read) return
      expect(read.taken).toBe(read.value.body.length + 5)
      expect(read.taken).toBeLessThanOrEqual(received.length)
    }),
  )
})

test('a challenge that is none is refused, and no server proves what it does not know', async () => {
  const good = fc.constantFrom('r=x,s=c2FsdA==,i=4096', 'v=AAAA', 'e=other-error')
  await fc.assert(
    fc.asyncProperty(hostileText(good), async (text) => {
      const client = scramClient(Buffer.from('password'))
      const answered = await client.answer(Buffer.from(text)).catch((error) => {
        expect(isDeclared(error), String(error)).toBe(true)
        return undefined
      })
      expect(answered).toBeUndefined()
      expect(() => client.verify(Buffer.from(text))).toThrow(DialError)
    }),
  )
})

test('a key file that is none is refused, and not repeated', () => {
  const good = fc.constantFrom(
    '{"client_email":"a@b","private_key":"canary-key"}',
    '{"client_email":"a@b"}',
    '{}',
  )
  fc.assert(
    fc.property(hostileText(good), (text) => {
      const fields = { serviceAccountJson: Buffer.from(text) }
      const base = new URL('https://oauth2.googleapis.com')
      const read = readingOf(
        () => googleForm({ base, fields, now: 0 }),
        (error) => isDeclared(error) && !String(error).includes('canary'),
      )
      expect(read).toBeUndefined()
    }),
  )
})

test('a member of any JSON is looked up among its own', () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.array(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'length', '0'))),
      (json, path) => {
        expect(memberOf(json, ...path, 'constructor', 'name')).toBeUndefined()
      },
    ),
  )
})
