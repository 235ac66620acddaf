import { createHash, createHmac, createPrivateKey, randomBytes, sign } from 'node:crypto'
import { UntriableError } from './call.ts'

type Digest = 'sha256' | 'sha512'

/** HMAC over texts and bytes one after another; the secret stays the buffer it is. */
export function hmac(digest: Digest, secret: Buffer, ...parts: (string | Buffer)[]): Buffer {
  const mac = createHmac(digest, secret)
  for (const part of parts) mac.update(part)
  return mac.digest()
}

export const hash = (digest: Digest, text: string) => createHash(digest).update(text).digest()

/** A secret that exchanges hand out in base64, as the bytes to sign with: the caller wipes them. */
export function fromBase64(secret: Buffer): Buffer {
  const text = secret.toString('latin1').trim()
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length === 0 || !/^[A-Za-z0-9+/]+=*$/.test(text)) {
    throw new UntriableError('its apiSecret is not base64, as this exchange hands it out')
  }
  return bytes
}

/** JWS ES256 (RFC 7518 section 3.4) of a token that is good for one call within two minutes, as Coinbase wants it. */
export function es256Token(pem: Buffer, keyName: string, uri: string, now: number): string {
  const at = Math.floor(now / 1000)
  const header = { alg: 'ES256', kid: keyName, nonce: randomBytes(16).toString('hex'), typ: 'JWT' }
  const claims = { sub: keyName, iss: 'cdp', nbf: at, exp: at + 120, uri }
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${es256(pem, text).toString('base64url')}`
}

function es256(pem: Buffer, text: string): Buffer {
  // A key that was pasted out of JSON has its line ends in two characters.
  const whole = Buffer.from(pem.toString('latin1').replaceAll('\\n', '\n'), 'latin1')
  try {
    const key = createPrivateKey({ key: whole, format: 'pem' })
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new Error('another kind of key')
    return sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  } catch {
    // OpenSSL's words are about the key.
    throw new UntriableError('its privateKey is not an ECDSA key (P-256) in PEM')
  } finally {
    whole.fill(0)
  }
}
