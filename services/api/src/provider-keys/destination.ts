import { isIP } from 'node:net'
import { type AllowedHost, isAllowedHost } from '@nora/config/provider-hosts'
import type { Provider } from '@nora/contract/provider-catalog'
import { DomainError } from '@nora/domain/errors'

/** Where a key may travel: stored with the row and bound into its seal. */
export type Destination = { baseUrl: string | null; destinationHosts: string[] }

/** Names that only mean something inside a house, and what a resolver may answer for itself. */
const privateName = /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa|localdomain)$/

/**
 * The base URL a key is used with (the provider's own unless given) and the hosts it is bound to, `host` or `host:port`.
 * Public means https to a name with a dot; plain http, an address instead of a name, and a private name are for hosts
 * that the operator lists in NORA_PROVIDER_ALLOW_HOSTS. DomainError `bad-request` for what is no base URL,
 * `destination-not-allowed` for one that may not be used here.
 */
export function destinationOf(
  provider: Provider,
  given: string | undefined,
  allowed: readonly AllowedHost[],
): Destination {
  if (given === undefined) {
    if (provider.baseUrl === 'required') throw wrong('is required for this provider')
    const own = provider.defaultBaseUrl
    return { baseUrl: own, destinationHosts: own === null ? [] : [new URL(own).host] }
  }
  if (provider.baseUrl === 'none') throw wrong('is not used by this provider')
  const url = readBaseUrl(given)
  if (!isPublic(url) && !isAllowedHost(allowed, url.hostname, portOf(url))) {
    throw new DomainError(
      'destination-not-allowed',
      { errors: [{ path: 'body/baseUrl', message: 'must be https to a public host name' }] },
      { detail: 'the operator can allow a private host with NORA_PROVIDER_ALLOW_HOSTS=host:port' },
    )
  }
  return { baseUrl: url.href.replace(/\/+$/, ''), destinationHosts: [url.host] }
}

function readBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) throw wrong('must be an https URL')
  if (url.username !== '' || url.password !== '') throw wrong('must not hold a user name or password')
  if (url.hash !== '') throw wrong('must not have a fragment')
  // A key in the query would be stored in clear; Azure's api-version is the one parameter people need.
  for (const name of url.searchParams.keys()) {
    if (name !== 'api-version') throw wrong('must not have a query other than api-version')
  }
  return url
}

/** URL has brought every spelling of an address (0x7f.1, 2130706433, full-width digits) into its one form by now. */
function isPublic(url: URL): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  return url.protocol === 'https:' && isIP(host) === 0 && host.includes('.') && !privateName.test(host)
}

const portOf = (url: URL) => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

const wrong = (message: string) =>
  new DomainError('bad-request', { errors: [{ path: 'body/baseUrl', message }] })
