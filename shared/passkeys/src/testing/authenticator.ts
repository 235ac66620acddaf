import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

type Options = {
  origin?: string
  rpId?: string
  type?: string
  counter?: number
  userVerified?: boolean
  userPresent?: boolean
  challenge?: string
  /** Another key than the one that was registered. */
  key?: KeyObject
  /** What it says its key is, when it registers. */
  publicKey?: Buffer
  crossOrigin?: boolean
}

/**
 * An authenticator in software: an ES256 key pair, attestation `none`, real CBOR, real signatures over what a browser would
 * have it sign. Every option makes one thing wrong.
 */
export function authenticator(origin = 'http://localhost:8080', credentialId = randomBytes(32)) {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rpId = new URL(origin).hostname
  let counter = 0

  const dataOf = (options: Options, attested: Buffer = Buffer.alloc(0)) => {
    const flags =
      (options.userPresent === false ? 0 : 1) |
      (options.userVerified === false ? 0 : 4) |
      (attested.length > 0 ? 0x40 : 0)
    const count = Buffer.alloc(4)
    count.writeUInt32BE(options.counter ?? counter)
    const party = createHash('sha256')
      .update(options.rpId ?? rpId)
      .digest()
    return Buffer.concat([party, Buffer.from([flags]), count, attested])
  }
  const clientData = (type: string, challenge: string, options: Options) =>
    Buffer.from(
      JSON.stringify({
        type: options.type ?? type,
        challenge: options.challenge ?? challenge,
        origin: options.origin ?? origin,
        crossOrigin: options.crossOrigin ?? false,
      }),
    )

  return {
    id: credentialId.toString('base64url'),
    publicKey: coseKey(pair.publicKey),
    /** Answers `navigator.credentials.create()`. */
    register({ challenge }: { challenge: string }, options: Options = {}) {
      const length = Buffer.alloc(2)
      length.writeUInt16BE(credentialId.length)
      const key = options.publicKey ?? coseKey(pair.publicKey)
      const attested = Buffer.concat([Buffer.alloc(16), length, credentialId, key])
      const object = Buffer.concat([
        Buffer.from([0xa3]),
        ...[text('fmt'), text('none'), text('attStmt'), Buffer.from([0xa0])],
        ...[text('authData'), bytes(dataOf(options, attested))],
      ])
      return {
        ...{ id: credentialId.toString('base64url'), rawId: credentialId.toString('base64url') },
        type: 'public-key' as const,
        response: {
          clientDataJSON: clientData('webauthn.create', challenge, options).toString('base64url'),
          attestationObject: object.toString('base64url'),
          transports: ['internal'],
        },
        clientExtensionResults: {},
      }
    },
    /** Answers `navigator.credentials.get()`; counts as it goes. */
    assert({ challenge }: { challenge: string }, options: Options = {}) {
      counter++
      const client = clientData('webauthn.get', challenge, options)
      const data = dataOf(options)
      const signed = Buffer.concat([data, createHash('sha256').update(client).digest()])
      return {
        ...{ id: credentialId.toString('base64url'), rawId: credentialId.toString('base64url') },
        type: 'public-key' as const,
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: sign('sha256', signed, options.key ?? pair.privateKey).toString('base64url'),
        },
        clientExtensionResults: {},
      }
    },
  }
}

export type Authenticator = ReturnType<typeof authenticator>

/** CBOR (RFC 8949) of what we need: text and byte strings, and an EC2 key as RFC 9053 has it. */
const head = (major: number, length: number): Buffer => {
  if (length < 24) return Buffer.from([(major << 5) | length])
  if (length < 256) return Buffer.from([(major << 5) | 24, length])
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255])
}
const text = (value: string) => Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
const bytes = (value: Buffer) => Buffer.concat([head(2, value.length), value])

function coseKey(key: KeyObject): Buffer {
  const { x, y } = key.export({ format: 'jwk' }) as { x: string; y: string }
  const coordinate = (value: string) => bytes(Buffer.from(value, 'base64url'))
  return Buffer.concat([
    // {1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y}
    Buffer.from([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21]),
    coordinate(x),
    Buffer.from([0x22]),
    coordinate(y),
  ])
}
