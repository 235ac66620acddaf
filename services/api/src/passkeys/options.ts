import type { CreationOptions, RequestOptions } from '@nora/contract/passkeys'
import { DomainError } from '@nora/domain/errors'
import { type RelyingParty, relyingPartyOf } from '@nora/passkeys/relying-party'
import { algorithms } from '@nora/passkeys/verify'
import type { Deps } from '../deps.ts'

/** How long a browser waits for its person, in milliseconds; our challenges live as long. */
const timeout = 300_000

/** DomainError `passkeys-unavailable` where browsers offer none: NORA_PUBLIC_URL with an IP address or plain http. */
export function relyingParty(deps: Deps): RelyingParty {
  const party = relyingPartyOf(deps.config.publicUrl)
  if (!party) throw new DomainError('passkeys-unavailable')
  return party
}

type Known = { credentialId: Buffer; transports: string[] }

const descriptorsOf = (passkeys: Known[]) =>
  passkeys.map(({ credentialId, transports }) => ({
    id: credentialId.toString('base64url'),
    type: 'public-key' as const,
    transports,
  }))

export const requestOptions = (
  party: RelyingParty,
  challenge: string,
  passkeys: Known[],
): RequestOptions => ({
  challenge,
  rpId: party.id,
  timeout,
  userVerification: 'required',
  allowCredentials: descriptorsOf(passkeys),
})

export const creationOptions = (
  party: RelyingParty,
  challenge: string,
  user: { id: string; email: string; name: string },
  passkeys: Known[],
): CreationOptions => ({
  challenge,
  rp: { id: party.id, name: 'Nora' },
  user: {
    id: Buffer.from(user.id.replaceAll('-', ''), 'hex').toString('base64url'),
    name: user.email,
    displayName: user.name || user.email,
  },
  pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })),
  timeout,
  attestation: 'none',
  excludeCredentials: descriptorsOf(passkeys),
  authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
})
