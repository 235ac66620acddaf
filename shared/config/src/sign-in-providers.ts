import { type AllowedHost, parseAllowedHost } from './provider-hosts.ts'
import type { Reader } from './reader.ts'
import { isLoopback } from './values.ts'
import type { VariableName } from './variables.ts'

/** Somebody else who may say who a person is. `id` stands in our URLs. */
export type SignInProvider = {
  id: string
  name: string
  clientId: string
  clientSecret: string
} & (
  | { kind: 'oidc'; issuer: string }
  /** OAuth 2.0 without an id_token; `webUrl` is https://github.com or the address of an Enterprise Server. */
  | { kind: 'github'; webUrl: string; apiUrl: string }
)

type Names = { id: VariableName; secret: VariableName }

/**
 * The providers that the operator set up, none by default: GitHub, Google, and one issuer of their own. Half of a pair of
 * client id and secret is a problem, and so is an issuer that is not https (loopback aside).
 */
export function readSignInProviders(reader: Reader): SignInProvider[] {
  const providers: SignInProvider[] = []
  const github = readClient(reader, {
    id: 'NORA_OAUTH_GITHUB_CLIENT_ID',
    secret: 'NORA_OAUTH_GITHUB_CLIENT_SECRET',
  })
  const webUrl = readUrl(reader, 'NORA_OAUTH_GITHUB_URL') ?? 'https://github.com'
  if (github) {
    const apiUrl = webUrl === 'https://github.com' ? 'https://api.github.com' : `${webUrl}/api/v3`
    providers.push({ kind: 'github', id: 'github', name: 'GitHub', webUrl, apiUrl, ...github })
  }
  const google = readClient(reader, {
    id: 'NORA_OAUTH_GOOGLE_CLIENT_ID',
    secret: 'NORA_OAUTH_GOOGLE_CLIENT_SECRET',
  })
  if (google) {
    const issuer = 'https://accounts.google.com'
    providers.push({ kind: 'oidc', id: 'google', name: 'Google', issuer, ...google })
  }
  const own = readClient(reader, { id: 'NORA_OIDC_CLIENT_ID', secret: 'NORA_OIDC_CLIENT_SECRET' })
  const issuer = readUrl(reader, 'NORA_OIDC_ISSUER')
  const name = reader.parsed('NORA_OIDC_NAME', 'a name of 1 to 40 characters', (text) =>
    /^[^\p{Cc}]{1,40}$/u.test(text) ? text : undefined,
  )
  if (own && issuer === undefined) {
    reader.problem('NORA_OIDC_ISSUER', 'is missing: set it to the issuer that the client belongs to')
  } else if (!own && issuer !== undefined) {
    reader.problem('NORA_OIDC_CLIENT_ID', 'is missing: NORA_OIDC_ISSUER alone does nothing')
  }
  if (own && issuer !== undefined) {
    providers.push({ kind: 'oidc', id: 'oidc', name: name ?? 'Single sign-on', issuer, ...own })
  }
  return providers
}

/** NORA_OAUTH_ALLOW_HOSTS: private or plain-http hosts that providers may have. */
export function readSignInAllowHosts(reader: Reader): AllowedHost[] {
  return reader.list('NORA_OAUTH_ALLOW_HOSTS').flatMap((text) => {
    const host = parseAllowedHost(text)
    if (!host) reader.problem('NORA_OAUTH_ALLOW_HOSTS', 'must list host, host:port or CIDR blocks')
    return host ? [host] : []
  })
}

function readClient(reader: Reader, names: Names): { clientId: string; clientSecret: string } | undefined {
  const clientId = reader.raw(names.id)
  const clientSecret = reader.raw(names.secret)
  if (clientId === undefined && clientSecret === undefined) return undefined
  if (clientId === undefined) reader.problem(names.id, `is missing: ${names.secret} alone does nothing`)
  if (clientSecret === undefined) reader.problem(names.secret, `is missing: ${names.id} alone does nothing`)
  if (clientSecret !== undefined && reader.production && reader.isPlaceholder(clientSecret)) {
    reader.problem(names.secret, 'is a placeholder: set it to what the provider gave you')
  }
  return clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret }
}

/** An https URL without query or trailing slash, kept to the letter otherwise: an issuer is compared as text. */
function readUrl(reader: Reader, name: 'NORA_OAUTH_GITHUB_URL' | 'NORA_OIDC_ISSUER'): string | undefined {
  return reader.parsed(name, 'an https URL without query or fragment', (text) => {
    if (!URL.canParse(text) || text.length > 500) return undefined
    const url = new URL(text)
    const secure = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
    if (!secure || url.search || url.hash || url.username || url.password) return undefined
    return name === 'NORA_OIDC_ISSUER' ? text : text.replace(/\/+$/, '')
  })
}
