import type { SealedRow } from '@nora/db/worker-credentials'

/** Whether a URL names one of the hosts that a key was sealed for, as `host` or `host:port`; the seal binds those. */
export function wasSealedFor(row: Pick<SealedRow, 'destinationHosts'>, url: URL): boolean {
  const port = url.port || (url.protocol === 'https:' ? 443 : 80)
  const names = [url.host, url.hostname, `${url.hostname}:${port}`]
  return row.destinationHosts.some((host) => names.includes(host.toLowerCase()))
}

/**
 * Whether a key may be handed out together with its base URL. The URL's host is not part of what is sealed, so a row that
 * somebody turned to another host would make an agent send the key there.
 */
export function mayTravelWith(row: Pick<SealedRow, 'destinationHosts' | 'baseUrl'>): boolean {
  if (row.baseUrl === null) return true
  return URL.canParse(row.baseUrl) && wasSealedFor(row, new URL(row.baseUrl))
}
