import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
} from 'node:crypto'
import { Aes128Gcm, Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import { describe, expect, test } from 'vitest'
import { deriveX25519PrivateKey } from './hkdf.ts'
import { deriveSealing } from './keys.ts'
import { open } from './open.ts'
import { decodeRecord, encodeHeader, encodeRecord, pad, unpad } from './record.ts'
import { seal } from './seal.ts'

// RFC 9180 appendix A.1.2: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, mode_psk. The appendix prints no
// X25519 suite with AES-256-GCM, so the chain of proof has three links: the library gives A.1.2's bytes; an
// implementation written here from the RFC's text alone gives A.1.2's bytes too; and that second implementation
// agrees with ours on records of the suite we use, in both directions.
const a12 = {
  info: hex('4f6465206f6e2061204772656369616e2055726e'),
  ikmE: hex('78628c354e46f3e169bd231be7b2ff1c77aa302460a26dbfa15515684c00130b'),
  skEm: hex('463426a9ffb42bb17dbe6044b9abd1d4e4d95f9041cef0e99d7824eef2b6f588'),
  ikmR: hex('d4a09d09f575fef425905d2ab396c1449141463f698f8efdb7accfaff8995098'),
  pkRm: hex('9fed7e8c17387560e92cc6462a68049657246a09bfa8ade7aefe589672016366'),
  skRm: hex('c5eb01eb457fe6c6f57577c5413b931550a162c71a03ac8d196babbd4e5ce0fd'),
  psk: hex('0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82'),
  pskId: hex('456e6e796e20447572696e206172616e204d6f726961'),
  enc: hex('0ad0950d9fb9588e59690b74f1237ecdf1d775cd60be2eca57af5a4b0471c91b'),
  key: hex('15026dba546e3ae05836fc7de5a7bb26'),
  baseNonce: hex('9518635eba129d5ce0914555'),
  exporterSecret: hex('3d76025dbbedc49448ec3f9080a1abab6b06e91c0b11ad23c912f043a0ee7655'),
  plaintext: hex('4265617574792069732074727574682c20747275746820626561757479'),
  ciphertexts: [
    'e52c6fed7f758d0cf7145689f21bc1be6ec9ea097fef4e959440012f4feb73fb611b946199e681f4cfc34db8ea',
    '49f3b19b28a9ea9f43e8c71204c00d4a490ee7f61387b6719db765e948123b45b61633ef059ba22cd62437c8ba',
    '257ca6a08473dc851fde45afd598cc83e326ddd0abe1ef23baa3baa4dd8cde99fce2c1e8ce687b0b47ead1adc9',
  ].map(hex),
  exported: hex('8aff52b45a1be3a734bc7a41e20b4e055ad4c4d22104b0c20285a7c4302401cd'), // context "TestContext"
}

describe('the library, against RFC 9180 A.1.2 (mode_psk)', () => {
  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes128Gcm(),
  })
  const psk = { id: a12.pskId, key: a12.psk }

  test('the sender makes the vector’s enc, ciphertexts and export', async () => {
    const sender = await suite.createSenderContext({
      recipientPublicKey: await suite.kem.deserializePublicKey(a12.pkRm),
      info: a12.info,
      psk,
      ekm: await suite.kem.deriveKeyPair(a12.ikmE),
    })
    expect(Buffer.from(sender.enc)).toEqual(a12.enc)
    for (const [i, expected] of a12.ciphertexts.entries()) {
      const sealed = await sender.seal(a12.plaintext, Buffer.from(`Count-${i}`))
      expect(Buffer.from(sealed)).toEqual(expected)
    }
    expect(Buffer.from(await sender.export(Buffer.from('TestContext'), 32))).toEqual(a12.exported)
  })

  test('the recipient opens the vector’s ciphertexts', async () => {
    const recipient = await suite.createRecipientContext({
      recipientKey: await suite.kem.deriveKeyPair(a12.ikmR),
      enc: a12.enc,
      info: a12.info,
      psk,
    })
    for (const [i, ciphertext] of a12.ciphertexts.entries()) {
      const opened = await recipient.open(ciphertext, Buffer.from(`Count-${i}`))
      expect(Buffer.from(opened)).toEqual(a12.plaintext)
    }
  })
})

describe('our own DeriveKeyPair', () => {
  test('gives the private keys of RFC 9180 A.1.2', () => {
    expect(deriveX25519PrivateKey(a12.ikmR)).toEqual(a12.skRm)
    expect(deriveX25519PrivateKey(a12.ikmE)).toEqual(a12.skEm)
  })
})

describe('a second implementation, from the text of RFC 9180', () => {
  test('gives the secrets of A.1.2', () => {
    const secrets = keySchedule(1, 16, a12.skRm, a12.enc, a12.info, a12.psk, a12.pskId)
    expect(secrets.key).toEqual(a12.key)
    expect(secrets.baseNonce).toEqual(a12.baseNonce)
    expect(secrets.exporterSecret).toEqual(a12.exporterSecret)
  })

  const encryptionKey = Buffer.alloc(32, 7)
  const { sealKey, openKey } = deriveSealing(encryptionKey, 3)
  const header = encodeHeader(1, 3, sealKey.kid8)
  const info = Buffer.concat([Buffer.from('nora/v1/record'), header])
  const pskId = Buffer.from('nora/v1/hpke-psk')
  const ikm = Buffer.from(hkdfSync('sha256', encryptionKey, '', 'nora/v1/hpke-ikm', 32))
  const secret = Buffer.from('sk-of-a-provider')
  const aad = Buffer.from('where it stands')

  test('opens what seal() made with AES-256-GCM', async () => {
    const record = decodeRecord(await seal(sealKey, secret, aad))!
    const skR = deriveX25519PrivateKey(ikm)
    const { key, baseNonce } = keySchedule(2, 32, skR, record.enc, info, sealKey.psk, pskId)
    const gcm = createDecipheriv('aes-256-gcm', key, baseNonce, { authTagLength: 16 })
    gcm.setAAD(aad).setAuthTag(record.tag)
    expect(unpad(Buffer.concat([gcm.update(record.ciphertext), gcm.final()]))).toEqual(secret)
  })

  test('makes what open() opens', async () => {
    const skE = deriveX25519PrivateKey(Buffer.alloc(32, 9))
    const enc = rawPublic(skE)
    const { key, baseNonce } = keySchedule(2, 32, skE, enc, info, sealKey.psk, pskId, sealKey.publicKey)
    const gcm = createCipheriv('aes-256-gcm', key, baseNonce, { authTagLength: 16 }).setAAD(aad)
    const ciphertext = Buffer.concat([gcm.update(pad(secret)), gcm.final()])
    const tag = gcm.getAuthTag()
    const record = encodeRecord({ suite: 1, keyVersion: 3, kid8: sealKey.kid8, enc, ciphertext, tag })
    expect(await open([openKey], record, aad)).toEqual(secret)
  })

  test('and the library derives the same key pair as we do', async () => {
    const suite = new CipherSuite({
      kem: new DhkemX25519HkdfSha256(),
      kdf: new HkdfSha256(),
      aead: new Aes256Gcm(),
    })
    const pair = await suite.kem.deriveKeyPair(ikm)
    expect(Buffer.from(await suite.kem.serializePublicKey(pair.publicKey))).toEqual(sealKey.publicKey)
  })
})

// RFC 9180 sections 4, 4.1 and 5.1, mode_psk. `sk` is the recipient's private key, or, with `pkR`, the ephemeral.
function keySchedule(
  aeadId: number,
  keyBytes: number,
  sk: Buffer,
  enc: Buffer,
  info: Buffer,
  psk: Buffer,
  pskId: Buffer,
  pkR?: Buffer,
) {
  const kem = Buffer.from('KEM\x00\x20', 'latin1')
  const hpke = Buffer.from(`HPKE\x00\x20\x00\x01\x00${String.fromCharCode(aeadId)}`, 'latin1')
  const dh = diffieHellman({ privateKey: privateKeyOf(sk), publicKey: publicKeyOf(pkR ?? enc) })
  const kemContext = Buffer.concat([enc, pkR ?? rawPublic(sk)])
  const eaePrk = extract(kem, Buffer.alloc(0), 'eae_prk', dh)
  const sharedSecret = expand(kem, eaePrk, 'shared_secret', kemContext, 32)
  const context = Buffer.concat([
    Buffer.from([1]),
    extract(hpke, Buffer.alloc(0), 'psk_id_hash', pskId),
    extract(hpke, Buffer.alloc(0), 'info_hash', info),
  ])
  const secret = extract(hpke, sharedSecret, 'secret', psk)
  return {
    key: expand(hpke, secret, 'key', context, keyBytes),
    baseNonce: expand(hpke, secret, 'base_nonce', context, 12),
    exporterSecret: expand(hpke, secret, 'exp', context, 32),
  }
}

function extract(suite: Buffer, salt: Buffer, label: string, ikm: Buffer): Buffer {
  const labeled = Buffer.concat([Buffer.from('HPKE-v1'), suite, Buffer.from(label), ikm])
  return createHmac('sha256', salt.length ? salt : Buffer.alloc(32))
    .update(labeled)
    .digest()
}

function expand(suite: Buffer, prk: Buffer, label: string, info: Buffer, length: number): Buffer {
  const labeled = Buffer.concat([
    Buffer.from([0, length]),
    Buffer.from('HPKE-v1'),
    suite,
    Buffer.from(label),
    info,
    Buffer.from([1]),
  ])
  return createHmac('sha256', prk).update(labeled).digest().subarray(0, length)
}

function privateKeyOf(raw: Buffer) {
  const der = Buffer.concat([hex('302e020100300506032b656e04220420'), raw])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

function publicKeyOf(raw: Buffer) {
  const der = Buffer.concat([hex('302a300506032b656e032100'), raw])
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}

function rawPublic(sk: Buffer): Buffer {
  return createPublicKey(privateKeyOf(sk)).export({ format: 'der', type: 'spki' }).subarray(12)
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}
