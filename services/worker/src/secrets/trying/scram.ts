import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { broken } from './incoming.ts'

/** Off this thread: how long it takes is the server's choice. */
const derive = promisify(pbkdf2)
const mac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest()
/** A server that asks for more would only keep us busy. */
const mostIterations = 200_000

/** One sign-in by SCRAM-SHA-256 (RFC 5802, 7677): the password itself never leaves, and the server proves that it knows it, too. */
export function scramClient(password: Buffer) {
  const nonce = randomBytes(18).toString('base64')
  const bare = `n=,r=${nonce}`
  let expected: Buffer | undefined
  return {
    first: Buffer.from(`n,,${bare}`),
    /** To the server's challenge. @throws DialError */
    async answer(challenge: Buffer): Promise<Buffer> {
      const server = challenge.toString('utf8')
      const [, theirs, salt, count] = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d{1,7})(?:,|$)/.exec(server) ?? []
      const iterations = Number(count)
      if (!theirs?.startsWith(nonce) || !salt || iterations < 1 || iterations > mostIterations) throw wrong()
      const salted = await derive(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256')
      const final = `c=biws,r=${theirs}`
      const signed = `${bare},${server},${final}`
      const clientKey = mac(salted, 'Client Key')
      const signature = mac(createHash('sha256').update(clientKey).digest(), signed)
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
      expected = mac(mac(salted, 'Server Key'), signed)
      salted.fill(0)
      clientKey.fill(0)
      return Buffer.from(`${final},p=${proof.toString('base64')}`)
    },
    /** The server's own proof. @throws DialError */
    verify(final: Buffer): void {
      const theirs = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(final.toString('latin1'))?.[1] ?? '', 'base64')
      if (!expected || theirs.length !== expected.length || !timingSafeEqual(theirs, expected)) throw wrong()
    },
  }
}

const wrong = () => broken('it does not sign in as SCRAM-SHA-256 says')
