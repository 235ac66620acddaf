import type { CredentialType } from '@nora/contract/credential-types'
import type { Secret } from '@nora/contract/provider-keys'
import { DomainError } from '@nora/domain/errors'

/** A secret's own address as an https URL, whose rules for what is public then hold, and as a row names it. */
export type SecretAddress = { url: URL; bound: string }

const schemes: Record<string, { schemes: readonly string[]; port: number }> = {
  postgres: { schemes: ['postgres:', 'postgresql:'], port: 5432 },
  webhook: { schemes: ['https:', 'http:'], port: 443 },
}

/**
 * Where a secret says itself that it goes: the host of its URL, or of the field `host` beside `port`. DomainError
 * `bad-request`, which repeats nothing.
 */
export function addressIn(type: CredentialType, secret: Secret): SecretAddress {
  const field = type.addressField ?? ''
  const text = secret[field] ?? ''
  const known = schemes[type.provider]
  if (known) return urlAddress(text, known)
  const port = secret['port'] ?? ''
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    throw wrong('needs a port from 1 to 65535')
  }
  if (!/^[A-Za-z0-9.-]{1,253}$/.test(text))
    throw wrong('needs the name of a host, without anything around it')
  return asHttps(`${text}:${port}`, Number(port))
}

function urlAddress(text: string, { schemes: allowed, port }: { schemes: readonly string[]; port: number }) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !allowed.includes(url.protocol) || url.hostname === '') {
    throw wrong(`needs a URL that begins with ${allowed[0]}//`)
  }
  if (url.protocol === 'http:' || url.protocol === 'https:') return { url, bound: url.host }
  for (const name of ['host', 'hostaddr', 'port', 'service']) {
    if (url.searchParams.has(name)) throw wrong('must name its host before the path alone')
  }
  // Of another scheme, URL leaves a host as it was written; as https it has its one form.
  return asHttps(`${url.hostname}:${url.port || port}`, Number(url.port || port))
}

function asHttps(host: string, port: number): SecretAddress {
  if (!URL.canParse(`https://${host}`)) throw wrong('names a host that cannot be read')
  const url = new URL(`https://${host}`)
  return { url, bound: `${url.hostname}:${port}` }
}

const wrong = (message: string) =>
  new DomainError('bad-request', { errors: [{ path: 'body/secret', message }] })
