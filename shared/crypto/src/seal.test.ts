import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type CredentialPlace, credentialAad } from './aad.ts'
import { SealError } from './errors.ts'
import { hpkeSuite, scheduleInputs } from './hpke.ts'
import { deriveSealing, type SealKey } from './keys.ts'
import { open, withOpened } from './open.ts'
import { decodeRecord, encodeHeader, encodeRecord, MAX_PLAINTEXT_BYTES, pad } from './record.ts'
import { seal } from './seal.ts'

const place: CredentialPlace = {
  table: 'credentials',
  column: 'sealed',
  rowId: '0198c0de-0000-7000-8000-000000000001',
  workspaceId: '0198c0de-0000-7000-8000-000000000002',
  ownerId: '0198c0de-0000-7000-8000-000000000003',
  keyVersion: 1,
  secretVersion: 4,
  kind: 'llm',
  provider: 'openai',
  destinationHosts: ['api.openai.com', 'eu.api.openai.com'],
}
const aad = credentialAad(place)
const { sealKey, openKey } = deriveSealing(Buffer.alloc(32, 1), 1)
const other = deriveSealing(Buffer.alloc(32, 2), 2)
const canary = 'sk-canary-5d1f0a7e'
const secret = () => Buffer.from(canary)

const failure = async (attempt: Promise<unknown>) => {
  const error = await attempt.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error, 'it opened').toBeInstanceOf(SealError)
  const { code, reason, message, cause } = error as SealError
  expect(code).toBe('seal-open-failed')
  expect(message).toBe('the sealed record did not open')
  expect(cause).toBeUndefined()
  return reason
}

describe('seal and open', () => {
  test.each([0, 1, 59, 60, 61, 64, 1000, MAX_PLAINTEXT_BYTES])('%i bytes come back', async (length) => {
    const plaintext = randomBytes(length)
    const record = await seal(sealKey, plaintext, aad)
    expect(record.length).toBe(64 + Math.ceil((length + 4) / 64) * 64)
    expect(await open([openKey], record, aad)).toEqual(plaintext)
  })

  test('a secret that is too long is refused', async () => {
    await expect(seal(sealKey, Buffer.alloc(MAX_PLAINTEXT_BYTES + 1), aad)).rejects.toMatchObject({
      code: 'seal-input-invalid',
    })
  })

  test('the record does not hold the secret, and says which key opens it', async () => {
    const record = await seal(sealKey, secret(), aad)
    expect(record.includes(canary)).toBe(false)
    expect(decodeRecord(record)).toMatchObject({ suite: 1, keyVersion: 1, kid8: sealKey.kid8 })
  })

  test('200 at once, each with an ephemeral key of its own', async () => {
    const plaintexts = Array.from({ length: 200 }, () => randomBytes(40))
    const records = await Promise.all(plaintexts.map((p, i) => seal(sealKey, p, Buffer.from(`row ${i}`))))
    expect(new Set(records.map((r) => decodeRecord(r)!.enc.toString('hex'))).size).toBe(200)
    const opened = await Promise.all(records.map((r, i) => open([openKey], r, Buffer.from(`row ${i}`))))
    expect(opened).toEqual(plaintexts)
  })

  test('the caller’s buffer is left as it was', async () => {
    const plaintext = secret()
    await seal(sealKey, plaintext, aad)
    expect(plaintext.toString()).toBe(canary)
  })
})

describe('what does not open', () => {
  test('a record with any one byte changed', async () => {
    const record = await seal(sealKey, secret(), aad)
    for (let i = 0; i < record.length; i++) {
      for (const mask of [0x01, 0x80]) {
        const changed = Buffer.from(record)
        changed[i]! ^= mask
        await failure(open([openKey], changed, aad))
      }
    }
    expect(await open([openKey], record, aad)).toEqual(secret())
  })

  test('a record cut at any length, or with bytes added', async () => {
    const record = await seal(sealKey, secret(), aad)
    for (let length = 0; length < record.length; length++) {
      expect(await failure(open([openKey], record.subarray(0, length), aad))).toBe('malformed')
    }
    expect(await failure(open([openKey], Buffer.concat([record, Buffer.alloc(1)]), aad))).toBe('malformed')
    expect(await failure(open([openKey], Buffer.concat([record, Buffer.alloc(64)]), aad))).toBe(
      'not-authentic',
    )
  })

  const moves: { [K in keyof CredentialPlace]: CredentialPlace[K][] } = {
    table: ['credential'],
    column: ['sealed2'],
    rowId: ['0198c0de-0000-7000-8000-00000000000a', ''],
    workspaceId: ['0198c0de-0000-7000-8000-00000000000b'],
    ownerId: ['0198c0de-0000-7000-8000-00000000000c'],
    keyVersion: [2],
    secretVersion: [3, 5],
    kind: ['integration', 'exchange'],
    provider: ['anthropic'],
    destinationHosts: [
      [],
      ['api.openai.com'],
      ['api.openai.com', 'evil.example'],
      ['api.openai.comeu.api.openai.com'],
    ],
  }
  for (const [field, values] of Object.entries(moves)) {
    test(`a record whose ${field} is another`, async () => {
      const record = await seal(sealKey, secret(), aad)
      for (const value of values) {
        const moved = credentialAad({ ...place, [field]: value })
        expect(await failure(open([openKey], record, moved))).toBe('not-authentic')
      }
    })
  }

  test('a ciphertext planted by somebody who has the public key but not the PSK', async () => {
    const header = encodeHeader(1, 1, sealKey.kid8)
    const recipientPublicKey = await hpkeSuite.kem.deserializePublicKey(sealKey.publicKey)
    const { info, psk } = scheduleInputs(header, Buffer.alloc(32))
    for (const guess of [{ info }, { info, psk }]) {
      const context = await hpkeSuite.createSenderContext({ ...guess, recipientPublicKey })
      const sealed = Buffer.from(await context.seal(pad(secret()), aad))
      const record = encodeRecord({
        suite: 1,
        keyVersion: 1,
        kid8: sealKey.kid8,
        enc: Buffer.from(context.enc),
        ciphertext: sealed.subarray(0, -16),
        tag: sealed.subarray(-16),
      })
      expect(await failure(open([openKey], record, aad))).toBe('not-authentic')
    }
  })

  test('an ephemeral key of small order', async () => {
    const record = await seal(sealKey, secret(), aad)
    // The points of order 1, 2, 4 and 8 on Curve25519 (RFC 7748 section 7, cr.yp.to/ecdh.html).
    const points = [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      `ec${'ff'.repeat(30)}7f`,
    ]
    for (const point of points) {
      const changed = Buffer.from(record)
      changed.set(Buffer.from(point, 'hex'), 16)
      expect(await failure(open([openKey], changed, aad))).toBe('not-authentic')
      const weak: SealKey = { ...sealKey, publicKey: Buffer.from(point, 'hex') }
      await expect(seal(weak, secret(), aad)).rejects.toMatchObject({ code: 'seal-key-invalid' })
    }
  })

  test('an authentic record whose padding is not the one we write', async () => {
    const header = encodeHeader(1, 1, sealKey.kid8)
    const recipientPublicKey = await hpkeSuite.kem.deserializePublicKey(sealKey.publicKey)
    const long = Buffer.alloc(128)
    const dirty = pad(secret())
    dirty[63] = 1
    const lying = pad(secret())
    lying.writeUInt32BE(61)
    for (const padded of [long, dirty, lying]) {
      const context = await hpkeSuite.createSenderContext({
        ...scheduleInputs(header, sealKey.psk),
        recipientPublicKey,
      })
      const sealed = Buffer.from(await context.seal(padded, aad))
      const record = Buffer.concat([header, Buffer.from(context.enc), sealed])
      expect(await failure(open([openKey], record, aad))).toBe('malformed')
    }
  })
})

describe('the keyring', () => {
  test('chooses by version and by id', async () => {
    const record = await seal(other.sealKey, secret(), aad)
    expect(await open([openKey, other.openKey], record, aad)).toEqual(secret())
    expect(await failure(open([openKey], record, aad))).toBe('unknown-key')
    expect(await failure(open([], record, aad))).toBe('unknown-key')
    const sameVersion = deriveSealing(Buffer.alloc(32, 3), 2).openKey
    expect(await failure(open([sameVersion], record, aad))).toBe('unknown-key')
    const sameKey = deriveSealing(Buffer.alloc(32, 2), 9).openKey
    expect(await failure(open([sameKey], record, aad))).toBe('unknown-key')
  })

  test('a record relabelled to another version of the same key does not open', async () => {
    const record = await seal(other.sealKey, secret(), aad)
    record.writeUInt32BE(9, 4)
    const sameKey = deriveSealing(Buffer.alloc(32, 2), 9).openKey
    expect(await failure(open([sameKey], record, aad))).toBe('not-authentic')
  })
})

describe('withOpened', () => {
  test('lends the secret and zeroes it afterwards', async () => {
    const record = await seal(sealKey, secret(), aad)
    let lent: Buffer = Buffer.alloc(0)
    const answer = await withOpened([openKey], record, aad, async (plaintext) => {
      expect(plaintext.toString()).toBe(canary)
      lent = plaintext
      return plaintext.length
    })
    expect(answer).toBe(canary.length)
    expect(lent).toEqual(Buffer.alloc(canary.length))
  })

  test('zeroes it when the use throws, at once or later', async () => {
    const record = await seal(sealKey, secret(), aad)
    for (const use of [
      () => {
        throw new Error('mine')
      },
      async () => Promise.reject(new Error('mine')),
    ]) {
      let lent: Buffer = Buffer.alloc(0)
      const attempt = withOpened([openKey], record, aad, (plaintext) => {
        lent = plaintext
        return use()
      })
      await expect(attempt).rejects.toThrow('mine')
      expect(lent).toEqual(Buffer.alloc(canary.length))
    }
  })
})
