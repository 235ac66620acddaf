import type { Reader } from './reader.ts'
import { isLoopback, parseOrigin } from './values.ts'

/**
 * NORA_ADMIN_URL: the origin of the admin app. On a server that others reach it has a host of its own, because a page of the
 * console could otherwise act with an admin's cookies, which no port keeps apart (RFC 6265 8.5); without it the Admin API stays closed there. On loopback, and
 * outside production, it is the public one unless it is set.
 */
export function readAdminUrl(reader: Reader, publicUrl: string): string | undefined {
  const shared = !reader.production || isLoopback(hostOf(publicUrl))
  const text = reader.raw('NORA_ADMIN_URL')
  if (text === undefined) return shared ? publicUrl : undefined
  const url = parseOrigin(text)
  if (!url) {
    reader.problem('NORA_ADMIN_URL', 'must be an origin, such as https://nora-admin.your-domain.org')
    return undefined
  }
  if (reader.production && url.protocol === 'http:' && !isLoopback(url.hostname)) {
    reader.problem('NORA_ADMIN_URL', 'is plain http and not loopback: set it to an https origin')
  }
  if (!shared && url.hostname === hostOf(publicUrl)) {
    reader.problem(
      'NORA_ADMIN_URL',
      'must be on another host than NORA_PUBLIC_URL: give it a host name of its own, another port does not do',
    )
  }
  return url.origin
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).hostname : '')
