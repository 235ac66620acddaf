import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  CapabilityError,
  type Claims,
  capabilityPublicKey,
  capabilityVerifier,
  hashBody,
  signCapability,
  verifyCapability,
} from './capability.ts'

const seed = randomBytes(32)
const publicKey = capabilityPublicKey(seed)
const second = 1_800_000_000
const now = second * 1000
const claims: Claims = {
  aud: 'gateway',
  op: 'invoke',
  agent: 'a-1',
  workspace: 'w-1',
  sub: 'user:7',
  iat: second,
  exp: second + 30,
}
const expected = { audience: 'gateway', now } as const

const reasonOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(CapabilityError)
    expect((error as CapabilityError).code).toBe('capability-invalid')
    expect((error as CapabilityError).message).toBe('the capability is not valid')
    return (error as CapabilityError).reason
  }
  return 'it was accepted'
}

// Signs anything, so that the verifier's own checks are tried and not the signer's.
const forge = async (payload: string) => {
  const { createPrivateKey, sign } = await import('node:crypto')
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const body = `v1.${Buffer.from(payload).toString('base64url')}`
  return `${body}.${sign(null, Buffer.from(body), key).toString('base64url')}`
}

test('RFC 8032 section 7.1, test 1: the public key of the seed', () => {
  const rfcSeed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  expect(capabilityPublicKey(rfcSeed).toString('hex')).toBe(
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  )
})

test('what was signed comes back', () => {
  const token = signCapability(seed, claims)
  expect(token).toMatch(/^v1\.[\w-]+\.[\w-]{86}$/)
  expect(verifyCapability(publicKey, token, expected)).toEqual(claims)
})

test('the file carries node:crypto and nothing else', () => {
  const source = readFileSync(new URL('./capability.ts', import.meta.url), 'utf8')
  expect(source.match(/from '[^']+'/g)).toEqual(["from 'node:crypto'"])
  expect(source).not.toMatch(/import\(|require\(/)
})

describe('not accepted', () => {
  test('any one character changed, removed or added', () => {
    const token = signCapability(seed, claims)
    for (let i = 0; i < token.length; i++) {
      const swapped = token[i] === 'A' ? 'B' : 'A'
      const changed = token.slice(0, i) + swapped + token.slice(i + 1)
      expect(reasonOf(() => verifyCapability(publicKey, changed, expected))).not.toBe('it was accepted')
      const removed = token.slice(0, i) + token.slice(i + 1)
      expect(reasonOf(() => verifyCapability(publicKey, removed, expected))).not.toBe('it was accepted')
    }
    for (const changed of [
      `${token}A`,
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      token.replace('v1.', 'v2.'),
    ]) {
      expect(reasonOf(() => verifyCapability(publicKey, changed, expected))).toBe('not a capability')
    }
  })

  test('a second spelling of a good signature', () => {
    const token = signCapability(seed, claims)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(token.at(-1)!)
    const twin = token.slice(0, -1) + alphabet[last | 1]
    expect(Buffer.from(twin.split('.')[2]!, 'base64url')).toEqual(
      Buffer.from(token.split('.')[2]!, 'base64url'),
    )
    expect(reasonOf(() => verifyCapability(publicKey, twin, expected))).toBe('not canonical')
  })

  test('another signer', () => {
    const token = signCapability(randomBytes(32), claims)
    expect(reasonOf(() => verifyCapability(publicKey, token, expected))).toBe('bad signature')
  })

  test('another audience', () => {
    const token = signCapability(seed, claims)
    for (const audience of ['worker', 'gateway-control'] as const) {
      expect(reasonOf(() => verifyCapability(publicKey, token, { audience, now }))).toMatch('audience')
    }
  })

  test('before its time and after it, with 5 s of skew', () => {
    const token = signCapability(seed, claims)
    const at = (seconds: number) =>
      reasonOf(() => verifyCapability(publicKey, token, { ...expected, now: (second + seconds) * 1000 }))
    expect(at(-6)).toBe('not valid yet')
    expect(at(-5)).toBe('it was accepted')
    expect(at(34.9)).toBe('it was accepted')
    expect(at(35)).toBe('expired')
    expect(at(Number.NaN)).toBe('not valid yet')
  })

  test('another agent, workspace, operation, stream or body than the one expected', () => {
    const body = '{"a":1}'
    const token = signCapability(seed, { ...claims, stream: 's', bodySha256: hashBody(body) })
    const right = { op: 'invoke', agent: 'a-1', workspace: 'w-1', stream: 's', bodySha256: hashBody(body) }
    expect(verifyCapability(publicKey, token, { ...expected, ...right }).sub).toBe('user:7')
    for (const name of Object.keys(right)) {
      const wrong = { ...expected, ...right, [name]: 'other' }
      expect(reasonOf(() => verifyCapability(publicKey, token, wrong))).toBe(`${name} differs`)
    }
    const bare = signCapability(seed, claims)
    const demand = { ...expected, bodySha256: hashBody(body) }
    expect(reasonOf(() => verifyCapability(publicKey, bare, demand))).toBe('bodySha256 differs')
  })

  test.each([
    ['a longer life', { ...claims, exp: second + 31 }],
    ['no life', { ...claims, exp: second }],
    ['a fraction of a second', { ...claims, iat: second + 0.5 }],
    ['no subject', { ...claims, sub: undefined }],
    ['an empty operation', { ...claims, op: '' }],
    ['an unknown audience', { ...claims, aud: 'api' }],
    ['an unknown claim', { ...claims, admin: true }],
    ['an agent that is no text', { ...claims, agent: 7 }],
    ['a list', [claims]],
    ['null', null],
    ['no JSON', undefined],
  ])('well signed, but with %s', async (_, payload) => {
    const token = await forge(JSON.stringify(payload) ?? 'no')
    expect(reasonOf(() => verifyCapability(publicKey, token, expected))).not.toBe('it was accepted')
    expect(reasonOf(() => signCapability(seed, payload as Claims))).not.toBe('it was accepted')
  })
})

describe('a verifier that remembers', () => {
  const body = '{}'
  const bound: Claims = { ...claims, request: 'r', stream: 's', bodySha256: hashBody(body) }
  const wanted = { ...expected, op: 'invoke', agent: 'a-1', workspace: 'w-1', request: 'r', stream: 's' }

  test('refuses at every use what has expired, is not valid yet or was meant for something else', () => {
    const verify = capabilityVerifier(publicKey, { remember: 8 })
    const token = signCapability(seed, bound)
    expect(verify(token, wanted)).toEqual(bound)
    for (const name of ['op', 'agent', 'workspace', 'request', 'stream', 'bodySha256'] as const) {
      expect(reasonOf(() => verify(token, { ...wanted, [name]: 'other' }))).toBe(`${name} differs`)
    }
    expect(reasonOf(() => verify(token, { ...wanted, audience: 'worker' }))).toMatch('audience')
    expect(reasonOf(() => verify(token, { ...wanted, now: now - 6_000 }))).toBe('not valid yet')
    expect(reasonOf(() => verify(token, { ...wanted, now: Number.NaN }))).toBe('not valid yet')
    expect(verify(token, { ...wanted, now: now + 34_900 })).toEqual(bound)
    expect(reasonOf(() => verify(token, { ...wanted, now: now + 35_000 }))).toBe('expired')
  })

  test('knows nothing but the very token: one changed character is not it', () => {
    const verify = capabilityVerifier(publicKey, { remember: 8 })
    const token = signCapability(seed, bound)
    verify(token, wanted)
    for (let i = 0; i < token.length; i++) {
      const changed = token.slice(0, i) + (token[i] === 'A' ? 'B' : 'A') + token.slice(i + 1)
      expect(reasonOf(() => verify(changed, wanted))).not.toBe('it was accepted')
    }
    for (const other of [`${token}A`, '', undefined as never]) {
      expect(reasonOf(() => verify(other, wanted))).toBe('not a capability')
    }
  })

  test('never remembers what it refused, nor for another key', () => {
    const verify = capabilityVerifier(publicKey, { remember: 8 })
    const foreign = signCapability(randomBytes(32), bound)
    for (let i = 0; i < 2; i++) expect(reasonOf(() => verify(foreign, wanted))).toBe('bad signature')
    const token = signCapability(seed, bound)
    verify(token, wanted)
    const other = capabilityVerifier(capabilityPublicKey(randomBytes(32)), { remember: 8 })
    expect(reasonOf(() => other(token, wanted))).toBe('bad signature')
  })

  test('gives claims that nobody can change for the next caller', () => {
    const verify = capabilityVerifier(publicKey, { remember: 8 })
    const token = signCapability(seed, bound)
    expect(() => Object.assign(verify(token, wanted), { workspace: 'w-2' })).toThrow(TypeError)
    expect(verify(token, wanted).workspace).toBe('w-1')
  })

  test('keeps no more than it was told, the longest unused going first', () => {
    // Remembered or not shows in the object: the same claims come back while they are remembered.
    const verify = capabilityVerifier(publicKey, { remember: 3 })
    const tokens = [0, 1, 2, 3].map((n) => signCapability(seed, { ...bound, sub: `user:${n}` })) as string[]
    const seen = tokens.slice(0, 3).map((token) => verify(token, wanted))
    expect(verify(tokens[0]!, wanted)).toBe(seen[0])
    verify(tokens[3]!, wanted)
    expect(verify(tokens[0]!, wanted)).toBe(seen[0])
    expect(verify(tokens[2]!, wanted)).toBe(seen[2])
    expect(verify(tokens[1]!, wanted)).not.toBe(seen[1])
    expect(verify(tokens[1]!, wanted)).toEqual(seen[1])
  })

  test('forgets what has expired', () => {
    const verify = capabilityVerifier(publicKey, { remember: 3 })
    const token = signCapability(seed, bound)
    const first = verify(token, wanted)
    expect(reasonOf(() => verify(token, { ...wanted, now: now + 35_000 }))).toBe('expired')
    expect(verify(token, wanted)).not.toBe(first)
  })

  test('none is remembered unless asked for', () => {
    const verify = capabilityVerifier(publicKey)
    const token = signCapability(seed, bound)
    expect(verify(token, wanted)).not.toBe(verify(token, wanted))
  })
})

test('while a key is exchanged, what either signed is accepted, and nothing else', () => {
  const [newer, stranger] = [randomBytes(32), randomBytes(32)]
  const verify = capabilityVerifier([capabilityPublicKey(newer), publicKey], { remember: 8 })
  for (const one of [seed, newer]) expect(verify(signCapability(one, claims), expected)).toEqual(claims)
  expect(reasonOf(() => verify(signCapability(stranger, claims), expected))).toBe('bad signature')
  expect(reasonOf(() => capabilityVerifier([]))).toBe('no public key')
})
