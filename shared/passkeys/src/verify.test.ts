import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type ActionClaim, actionChallenge, verifyAction } from './action-challenge.ts'
import { relyingPartyOf } from './relying-party.ts'
import { authenticator } from './testing/authenticator.ts'
import { challengeOf, verifyAssertion, verifyRegistration } from './verify.ts'

const party = relyingPartyOf('http://localhost:8080')!
const fresh = () => ({ challenge: randomBytes(32).toString('base64url') })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
type Options = Parameters<ReturnType<typeof authenticator>['assert']>[1]

test('the relying party is the host of the public URL, where a browser would have one', () => {
  expect(party).toEqual({ id: 'localhost', origin: 'http://localhost:8080' })
  expect(relyingPartyOf('https://nora.our-domain.org')).toMatchObject({ id: 'nora.our-domain.org' })
  for (const none of ['http://127.0.0.1:8080', 'http://[::1]:8080', 'https://192.0.2.1', 'http://nora.org']) {
    expect(relyingPartyOf(none), none).toBeUndefined()
  }
})

/** {1: 3 (RSA), 3: -257 (RS256), -1: n, -2: e}, as RFC 8230 has it. */
const rsaKey = (bits: number) =>
  Buffer.concat([
    Buffer.from([0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59, bits >> 11, (bits >> 3) & 255]),
    ...[Buffer.from([0x80]), randomBytes(bits / 8 - 1), Buffer.from([0x21, 0x43, 0x01, 0x00, 0x01])],
  ])

/** What makes an answer wrong, of a registration and of an assertion alike. */
const wrong: [string, Options][] = [
  ['another origin', { origin: 'http://localhost:8081' }],
  ['an origin that begins like ours', { origin: 'http://localhost:8080.evil.test' }],
  ['another relying party', { rpId: 'evil.test' }],
  ['another challenge', fresh()],
  ['a person who was not verified', { userVerified: false }],
  ['nobody there', { userPresent: false }],
  ['our page in a frame of another’s', { crossOrigin: true }],
]

describe('a registration', () => {
  test('gives the key that the authenticator made', async () => {
    const device = authenticator()
    const options = fresh()
    const made = await verifyRegistration(party, options.challenge, device.register(options))
    expect(made).toEqual({
      credentialId: Buffer.from(device.id, 'base64url'),
      publicKey: device.publicKey,
      counter: 0,
      backedUp: false,
    })
  })
  test.each([...wrong, ['the type of an assertion', { type: 'webauthn.get' }] as [string, Options]])(
    'with %s is none',
    async (_, spoil) => {
      const options = fresh()
      const response = authenticator().register(options, spoil)
      expect(await verifyRegistration(party, options.challenge, response)).toBeUndefined()
    },
  )
  test('whose id or key could not be kept is none', async () => {
    const options = fresh()
    const verified = (response: unknown) => verifyRegistration(party, options.challenge, response)
    for (const bytes of [15, 1024]) {
      const device = authenticator(party.origin, randomBytes(bytes))
      expect(await verified(device.register(options)), `${bytes}`).toBeUndefined()
    }
    for (const bytes of [16, 1023]) {
      const device = authenticator(party.origin, randomBytes(bytes))
      expect(await verified(device.register(options)), `${bytes}`).toBeDefined()
    }
    for (const publicKey of [rsaKey(8192), Buffer.from([0xa2, 0x01, 0x02, 0x03, 0x26])]) {
      expect(await verified(authenticator().register(options, { publicKey }))).toBeUndefined()
    }
    expect(await verified(authenticator().register(options, { publicKey: rsaKey(4096) }))).toBeDefined()
  })
  test.each([
    [undefined],
    [null],
    [{}],
    ['text'],
    [{ id: 'x', response: {} }],
    [
      {
        id: 'x',
        rawId: 'x',
        type: 'public-key',
        response: { clientDataJSON: 'e30', attestationObject: '____' },
      },
    ],
  ])('that is %j is none', async (response) => {
    expect(await verifyRegistration(party, fresh().challenge, response)).toBeUndefined()
  })
})

describe('an assertion', () => {
  const enrolled = () => {
    const device = authenticator()
    const passkey = { credentialId: Buffer.from(device.id, 'base64url'), publicKey: device.publicKey }
    return { device, passkey }
  }
  test('gives its counter', async () => {
    const { device, passkey } = enrolled()
    for (const counter of [1, 2]) {
      const options = fresh()
      expect(await verifyAssertion(party, options.challenge, passkey, device.assert(options))).toEqual({
        counter,
      })
    }
  })
  test.each([
    ...wrong,
    ['the type of a registration', { type: 'webauthn.create' }] as [string, Options],
    ['the key of a stranger', { key: stranger }] as [string, Options],
  ])('with %s is none', async (_, spoil) => {
    const { device, passkey } = enrolled()
    const options = fresh()
    const response = device.assert(options, spoil)
    expect(await verifyAssertion(party, options.challenge, passkey, response)).toBeUndefined()
  })
  test('of another passkey is none, also under the name of this one', async () => {
    const [{ passkey }, other] = [enrolled(), enrolled()]
    const options = fresh()
    const response = other.device.assert(options)
    expect(await verifyAssertion(party, options.challenge, passkey, response)).toBeUndefined()
    const id = passkey.credentialId.toString('base64url')
    const renamed = { ...response, id, rawId: id }
    expect(await verifyAssertion(party, options.challenge, passkey, renamed)).toBeUndefined()
  })
  test('whose challenge cannot be read has none', () => {
    const client = (value: unknown) => ({
      response: { clientDataJSON: Buffer.from(JSON.stringify(value)).toString('base64url') },
    })
    const { challenge } = fresh()
    expect(challengeOf(client({ challenge }))).toBe(challenge)
    for (const bad of [
      {},
      [],
      null,
      { challenge: 5 },
      { challenge: 'short' },
      { challenge: `${challenge}x` },
    ]) {
      expect(challengeOf(client(bad))).toBeUndefined()
    }
    expect(challengeOf({ response: { clientDataJSON: 'not json' } })).toBeUndefined()
  })
})

describe('an assertion for an action', () => {
  const device = authenticator()
  const passkey = { credentialId: Buffer.from(device.id, 'base64url'), publicKey: device.publicKey }
  const claim: ActionClaim = {
    action: 'exchange:trade',
    targetId: '00000000-0000-4000-8000-000000000001',
    userId: '00000000-0000-4000-8000-000000000002',
    nonce: randomBytes(32),
  }
  const given = device.assert({ challenge: actionChallenge(claim) })
  test('holds for it, and for nothing else', async () => {
    expect(await verifyAction(party, claim, passkey, given)).toBe(true)
    const others: Partial<ActionClaim>[] = [
      { action: 'agent:exec' },
      { targetId: claim.userId },
      { userId: claim.targetId },
      { nonce: randomBytes(32) },
      { nonce: Buffer.alloc(0) },
    ]
    for (const other of others)
      expect(await verifyAction(party, { ...claim, ...other }, passkey, given)).toBe(false)
  })
  test('has no two readings: moving a byte from one field to the next is another challenge', () => {
    const moved = { ...claim, targetId: claim.targetId.slice(0, -1), userId: `1${claim.userId}` }
    expect(actionChallenge(moved)).not.toBe(actionChallenge(claim))
  })
})
