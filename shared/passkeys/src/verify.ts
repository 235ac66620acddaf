import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { RelyingParty } from './relying-party.ts'

/** COSE algorithms that we take: ES256, EdDSA, RS256. */
export const algorithms = [-7, -8, -257]

export type NewPasskey = {
  credentialId: Buffer
  /** COSE_Key (RFC 9052). */
  publicKey: Buffer
  counter: number
  /** It is synced between devices, or will be. */
  backedUp: boolean
}

/** It takes 25 MB of memory: not before somebody has a passkey. */
const library = () => import('@simplewebauthn/server')

/** What is known of a passkey when it is used. */
export type KnownPasskey = { credentialId: Buffer; publicKey: Buffer }

/**
 * Checks what an authenticator answered to a registration (WebAuthn 7.1): type, challenge, origin, relying party, that a
 * person was verified, and the attestation's own signature where it has one. Undefined for anything that does not hold.
 * @param challenge base64url, the one that we gave out, and that has been used up.
 */
export async function verifyRegistration(
  party: RelyingParty,
  challenge: string,
  response: unknown,
): Promise<NewPasskey | undefined> {
  const { verifyRegistrationResponse } = await library()
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      expectedType: 'webauthn.create',
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    })
    if (!verified || !registrationInfo || inFrame(response)) return undefined
    const { credential, credentialBackedUp, credentialDeviceType } = registrationInfo
    const credentialId = Buffer.from(credential.id, 'base64url')
    const publicKey = Buffer.from(credential.publicKey)
    if (!within(credentialId, 16, 1023) || !within(publicKey, 16, 1000)) return undefined
    return {
      credentialId,
      publicKey,
      counter: credential.counter,
      backedUp: credentialBackedUp || credentialDeviceType === 'multiDevice',
    }
  } catch {
    return undefined // the library throws at the first thing that is not in order; whoever sent it is told no more
  }
}

/**
 * Checks an assertion (WebAuthn 7.2): that it is this passkey's, type, challenge, origin, relying party, that a person was
 * verified, and the signature. Gives its counter, which the caller compares with the stored one where it is stored, so that
 * two at once cannot both pass. Undefined for anything that does not hold.
 */
export async function verifyAssertion(
  party: RelyingParty,
  challenge: string,
  passkey: KnownPasskey,
  response: unknown,
): Promise<{ counter: number } | undefined> {
  const { verifyAuthenticationResponse } = await library()
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      expectedType: 'webauthn.get',
      requireUserVerification: true,
      credential: {
        id: passkey.credentialId.toString('base64url'),
        publicKey: new Uint8Array(passkey.publicKey),
        counter: 0,
      },
    })
    if (!verified || inFrame(response) || idOf(response) !== passkey.credentialId.toString('base64url'))
      return undefined
    return { counter: authenticationInfo.newCounter }
  } catch {
    return undefined // as above
  }
}

/** What can be kept: ids as WebAuthn 4 has them, keys up to RSA of 4096 bits and some. */
const within = ({ length }: Buffer, least: number, most: number) => length >= least && length <= most

/** The credential that a response says it is of. */
export function idOf(response: unknown): string | undefined {
  const id = (response as { id?: unknown } | null)?.id
  return typeof id === 'string' ? id : undefined
}

/** The challenge that a response says it answers, base64url; what it is worth is for the caller to find out. */
export function challengeOf(response: unknown): string | undefined {
  const challenge = clientDataOf(response)?.['challenge']
  return typeof challenge === 'string' && /^[\w-]{43}$/.test(challenge) ? challenge : undefined
}

/** Asked for by a page of ours inside somebody else's (WebAuthn 7.2, of `crossOrigin`), which none of ours may be. */
const inFrame = (response: unknown): boolean => clientDataOf(response)?.['crossOrigin'] === true

function clientDataOf(response: unknown): Record<string, unknown> | undefined {
  const text = (response as { response?: { clientDataJSON?: unknown } } | null)?.response?.clientDataJSON
  if (typeof text !== 'string') return undefined
  try {
    const data: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
