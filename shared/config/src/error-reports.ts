import type { AllowedHost } from './provider-hosts.ts'
import type { Reader } from './reader.ts'
import { isLoopback } from './values.ts'

/** Where errors are reported, as a DSN says it. */
export type ErrorReports = {
  /** Takes envelopes: `https://host[:port][/path]/api/<project>/envelope/`. */
  url: URL
  publicKey: string
  /** The operator's own word for that host, private or not: it and no other is dialled. */
  allowHosts: readonly AllowedHost[]
}

/** SENTRY_DSN, or undefined: then nothing is reported anywhere. */
export function readErrorReports(reader: Reader): ErrorReports | undefined {
  const expected =
    'a DSN of the form https://<public key>@<host>/<project number>, without a secret key; http is for this machine alone'
  return reader.parsed('SENTRY_DSN', expected, parseDsn)
}

/** Reads a DSN (https://develop.sentry.dev/sdk/foundations/transport/authentication/); undefined for anything else. */
export function parseDsn(text: string): ErrorReports | undefined {
  if (!URL.canParse(text)) return undefined
  const dsn = new URL(text)
  const place = /^((?:\/[A-Za-z0-9._-]+)*)\/(\d{1,20})$/.exec(dsn.pathname)
  if (!place || !/^[A-Za-z0-9]{1,64}$/.test(dsn.username) || dsn.password || dsn.search || dsn.hash)
    return undefined
  if (dsn.protocol !== 'https:' && !(dsn.protocol === 'http:' && isLoopback(dsn.hostname))) return undefined
  const [, path = '', project] = place
  const host = dsn.hostname.replace(/^\[|\]$/g, '')
  const port = Number(dsn.port || (dsn.protocol === 'https:' ? 443 : 80))
  return {
    url: new URL(`${path}/api/${project}/envelope/`, dsn.origin),
    publicKey: dsn.username,
    allowHosts: [{ kind: 'host', host, port }],
  }
}
