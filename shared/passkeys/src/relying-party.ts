import { isIP } from 'node:net'

/** For whom authenticators sign: the origin of our pages, and its host (WebAuthn 5.1.2: an IP address is none). */
export type RelyingParty = { id: string; origin: string }

/** The relying party of NORA_PUBLIC_URL, or undefined where browsers offer no passkeys: at an IP address, or over plain http. */
export function relyingPartyOf(publicUrl: string): RelyingParty | undefined {
  const { hostname, origin, protocol } = new URL(publicUrl)
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return undefined
  const local = hostname === 'localhost' || hostname.endsWith('.localhost')
  return protocol === 'https:' || local ? { id: hostname, origin } : undefined
}
