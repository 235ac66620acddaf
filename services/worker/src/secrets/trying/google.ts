import { createSign } from 'node:crypto'
import { readSecretFields, wipeFields } from '../secret-fields.ts'
import { bytesOf, type Call, type Trial, textOf, UntriableError, under } from './call.ts'

const lifetimeSeconds = 300

/**
 * A service account's assertion (RFC 7523), signed with its private key, which itself goes nowhere: to Google's token
 * endpoint, whatever `token_uri` the file names. Asks for a scope that says no more than who it is.
 */
export function googleForm({ base, fields, now }: Trial): Call {
  const file = readFile(bytesOf(fields, 'serviceAccountJson'))
  try {
    const issuer = textOf(file, 'client_email')
    const at = Math.floor(now / 1000)
    const claims = {
      iss: issuer,
      scope: 'https://www.googleapis.com/auth/userinfo.email',
      aud: 'https://oauth2.googleapis.com/token',
      iat: at,
      exp: at + lifetimeSeconds,
    }
    const signed = `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}`
    const assertion = `${signed}.${sign(signed, bytesOf(file, 'private_key'))}`
    const grant = encodeURIComponent('urn:ietf:params:oauth:grant-type:jwt-bearer')
    return {
      url: under(base, '/token'),
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `grant_type=${grant}&assertion=${assertion}`,
      judge: (status) =>
        status === 400 ? { works: false, why: 'it does not take the signature' } : undefined,
    }
  } finally {
    wipeFields(file)
  }
}

function readFile(json: Buffer): Record<string, Buffer> {
  try {
    return readSecretFields(json)
  } catch (error) {
    if (error instanceof RangeError) throw new UntriableError('it is not a service account’s key file')
    throw error
  }
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

function sign(text: string, key: Buffer): string {
  try {
    return createSign('RSA-SHA256').update(text).sign({ key, format: 'pem' }).toString('base64url')
  } catch {
    // OpenSSL's words are about the key.
    throw new UntriableError('its private_key cannot be read')
  }
}
