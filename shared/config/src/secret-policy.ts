import { type AllowedHost, parseAllowedHost } from './provider-hosts.ts'
import type { Reader } from './reader.ts'

// What api and worker must agree on: the one stores keys by these rules, the other opens and tests them.

/** NORA_PROVIDER_ALLOW_HOSTS: private or plain-http hosts that a key may be used with. */
export function readAllowHosts(reader: Reader): AllowedHost[] {
  return reader.list('NORA_PROVIDER_ALLOW_HOSTS').flatMap((text) => {
    const host = parseAllowedHost(text)
    if (!host) reader.problem('NORA_PROVIDER_ALLOW_HOSTS', 'must list host, host:port or CIDR blocks')
    return host ? [host] : []
  })
}

/** NORA_ALLOW_PLAINTEXT_SECRETS: only the literal `true` works. */
export function readAllowPlaintext(reader: Reader): boolean {
  const value = reader.raw('NORA_ALLOW_PLAINTEXT_SECRETS')
  if (value === undefined || value === 'true') return value === 'true'
  // A wish to switch it off is best said by leaving it out: `True`, `1` or `yes` must not be guessed at.
  reader.problem(
    'NORA_ALLOW_PLAINTEXT_SECRETS',
    'may only be `true`; to keep secrets sealed, remove the line',
  )
  return false
}
