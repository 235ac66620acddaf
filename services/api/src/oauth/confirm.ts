import type { FlowPurpose } from '@nora/db/identities'
import { DomainError } from '@nora/domain/errors'
import type { Deps } from '../deps.ts'
import { type Flow, redirectUri } from './flow.ts'
import { type ProviderClient, safeFetch } from './provider-client.ts'

/** Their clock and ours. */
const skewMs = 30_000

/** Who has come, by the provider's word, checked. */
export type Confirmed = {
  issuer: string
  subject: string
  /** One that the provider verified; null when it names none. */
  email: string | null
  name: string
  /** When the person last proved to the provider who they are, where it says so. */
  authTime: Date | null
}

/** Where to send the browser. DomainError `reauthentication-unavailable` for a step-up at one that cannot be told to ask again. */
export function authorizationUrl(
  deps: Deps,
  { provider, configuration, oidc }: ProviderClient,
  flow: Flow,
  purpose: FlowPurpose,
): string {
  const github = provider.kind === 'github'
  if (github && purpose === 'step-up') throw new DomainError('reauthentication-unavailable')
  return oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri(deps.config, provider.id),
    scope: github ? 'read:user user:email' : 'openid email profile',
    state: flow.state,
    code_challenge: flow.codeChallenge,
    code_challenge_method: 'S256',
    ...(!github && { nonce: flow.nonce }),
    // OpenID Connect Core 3.1.2.1: ask again, and say in auth_time when that was.
    ...(purpose === 'step-up' && { prompt: 'login', max_age: '0' }),
  }).href
}

/**
 * Exchanges the code in `query`, the callback's own, and checks all of the answer: state, `iss` (RFC 9207), PKCE, and of the
 * id_token its signature, issuer, audience, nonce and times. Throws what the library and the dialer throw.
 */
export async function confirm(
  deps: Deps,
  client: ProviderClient,
  flow: Flow,
  query: string,
): Promise<Confirmed> {
  const url = new URL(`${redirectUri(deps.config, client.provider.id)}?${query}`)
  const { provider, configuration, oidc } = client
  if (provider.kind === 'github') {
    const { access_token } = await oidc.authorizationCodeGrant(configuration, url, {
      expectedState: flow.state,
      pkceCodeVerifier: flow.codeVerifier,
    })
    return askGithub(deps, configuration.serverMetadata().issuer, provider.apiUrl, access_token)
  }
  const tokens = await oidc.authorizationCodeGrant(configuration, url, {
    expectedState: flow.state,
    expectedNonce: flow.nonce,
    pkceCodeVerifier: flow.codeVerifier,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  if (!claims) throw new Error('the provider gave no id_token')
  const asked = claims['email'] === undefined && configuration.serverMetadata().userinfo_endpoint
  const about = asked ? await oidc.fetchUserInfo(configuration, tokens.access_token, claims.sub) : claims
  const verified = about['email_verified'] === true || about['email_verified'] === 'true'
  return {
    issuer: claims.iss,
    subject: subjectOf(claims.sub),
    email: verified ? emailOf(about['email']) : null,
    name: nameOf(about['name']),
    authTime: timeOf(claims.auth_time, deps.clock()),
  }
}

/** GitHub says who somebody is in its API alone: the number of an account, which never changes hands, as its name may. */
async function askGithub(deps: Deps, issuer: string, apiUrl: string, token: string): Promise<Confirmed> {
  const ask = async (path: string): Promise<unknown> => {
    const response = await safeFetch(deps)(`${apiUrl}${path}`, {
      method: 'GET',
      redirect: 'manual',
      body: undefined,
      headers: { authorization: `Bearer ${token}`, accept: 'application/vnd.github+json' },
    })
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}`)
    return response.json()
  }
  const user = (await ask('/user')) as Record<string, unknown> | null
  const id = user?.['id']
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id <= 0) throw new Error('/user has no id')
  const emails = await ask('/user/emails')
  const primary = (Array.isArray(emails) ? emails : []).find(
    (one: Record<string, unknown> | null) => one?.['primary'] === true && one['verified'] === true,
  ) as Record<string, unknown> | undefined
  return {
    issuer,
    subject: String(id),
    email: emailOf(primary?.['email']),
    name: nameOf(user?.['name'] ?? user?.['login']),
    authTime: null,
  }
}

/** OpenID Connect Core 2: at most 255 ASCII characters. Longer ones, and those that could not be stored, are nobody. */
function subjectOf(sub: string): string {
  if (!/^[\x20-\x7e]{1,255}$/.test(sub)) throw new Error('the provider gave a subject that is none')
  return sub
}

function emailOf(value: unknown): string | null {
  const shaped =
    typeof value === 'string' && value.length <= 254 && /^[^\s@\p{C}]+@[^\s@\p{C}]+$/u.test(value)
  return shaped ? value : null
}

/**
 * Seconds since 1970, when they have been. A time to come is nobody's word for when something was: believed, it would make a
 * sign-in of last week a fresh one at a provider that counts in milliseconds.
 */
function timeOf(value: unknown, now: number): Date | null {
  return typeof value === 'number' && value >= 0 && value * 1000 <= now + skewMs
    ? new Date(value * 1000)
    : null
}

function nameOf(value: unknown): string {
  if (typeof value !== 'string') return ''
  return value
    .toWellFormed()
    .replace(/[\p{C}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, 100)
    .toWellFormed()
}
