import { isIP } from 'node:net'
import { type AllowedHost, isAllowedHost } from '@nora/config/provider-hosts'
import type { CredentialType } from '@nora/contract/credential-types'
import type { Secret } from '@nora/contract/provider-keys'
import { DomainError } from '@nora/domain/errors'
import { addressIn } from './secret-address.ts'

/** Where a key may travel: stored with the row and bound into its seal. */
export type Destination = { baseUrl: string | null; destinationHosts: string[] }

/** Names that only mean something inside a house, and what a resolver may answer for itself. */
const privateName = /(?:^|\.)(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa|localdomain)$/

/**
 * The base URL a key is used with (its type's own unless given) and the hosts it is bound to, `host` or `host:port`; for a
 * type whose secret says itself where it goes, that. Public means https (or another protocol that keeps a secret) to a name
 * with a dot; plain http, an address instead of a name, and a private name are for hosts that the operator lists in
 * NORA_PROVIDER_ALLOW_HOSTS. DomainError `bad-request` for what is no base URL, `destination-not-allowed` for one that may
 * not be used here.
 */
export function destinationOf(
  type: CredentialType,
  given: string | undefined,
  secret: Secret,
  allowed: readonly AllowedHost[],
): Destination {
  if (given === undefined) {
    if (type.baseUrl === 'required') throw wrong('is required for this provider')
    if (type.addressField !== undefined) {
      const { url, bound } = addressIn(type, secret)
      requirePublic(url, allowed, 'secret')
      return { baseUrl: null, destinationHosts: [bound] }
    }
    const own = type.defaultBaseUrl
    return { baseUrl: own, destinationHosts: own === null ? [...(type.hosts ?? [])] : [new URL(own).host] }
  }
  if (type.baseUrl === 'none') throw wrong('is not used by this provider')
  const url = readBaseUrl(given)
  const isListed = [type.defaultBaseUrl, ...(type.baseUrls ?? [])].includes(trimmed(url))
  if (type.baseUrl === 'listed' && !isListed && !isAllowed(url, allowed)) {
    const known = [type.defaultBaseUrl, ...(type.baseUrls ?? [])].join(', ')
    throw notAllowed('baseUrl', `must be one of ${known}`)
  }
  requirePublic(url, allowed, 'baseUrl')
  return { baseUrl: trimmed(url), destinationHosts: [url.host] }
}

const trimmed = (url: URL) => url.href.replace(/\/+$/, '')

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

function requirePublic(url: URL, allowed: readonly AllowedHost[], field: 'baseUrl' | 'secret'): void {
  if (isPublic(url) || isAllowed(url, allowed)) return
  throw notAllowed(
    field,
    field === 'baseUrl' ? 'must be https to a public host name' : 'must name a public host',
  )
}

/** URL has brought every spelling of an address (0x7f.1, 2130706433, full-width digits) into its one form by now. */
function isPublic(url: URL): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  return url.protocol === 'https:' && isIP(host) === 0 && host.includes('.') && !privateName.test(host)
}

const isAllowed = (url: URL, allowed: readonly AllowedHost[]) =>
  isAllowedHost(allowed, url.hostname, Number(url.port || (url.protocol === 'https:' ? 443 : 80)))

const notAllowed = (field: string, message: string) =>
  new DomainError(
    'destination-not-allowed',
    { errors: [{ path: `body/${field}`, message }] },
    { detail: 'the operator can allow a private host with NORA_PROVIDER_ALLOW_HOSTS=host:port' },
  )

const wrong = (message: string) =>
  new DomainError('bad-request', { errors: [{ path: 'body/baseUrl', message }] })
