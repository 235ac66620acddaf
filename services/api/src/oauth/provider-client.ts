import type { SignInProvider } from '@nora/config/sign-in-providers'
import { fetchPublic } from '@nora/dial/fetch-public'
import { DialError } from '@nora/dial/public-dialer'
import { DomainError } from '@nora/domain/errors'
import type { Configuration, CustomFetch, ServerMetadata } from 'openid-client'
import type { Deps } from '../deps.ts'

/** One call to a provider may take this long, and its whole confirmation a few of them. */
const callMs = 8_000
const rediscoverMs = 3_600_000

/** It takes 5 MB of memory: not before somebody signs in at a provider. */
const library = () => import('openid-client')
type Library = Awaited<ReturnType<typeof library>>

export type ProviderClient = { provider: SignInProvider; configuration: Configuration; oidc: Library }

/** Finds providers by the id in a URL, and learns an issuer's endpoints when it is first needed (OpenID Connect Discovery). */
export function providerClients(deps: Deps) {
  const known = new Map<string, { at: number; configuration: Configuration }>()
  const asked = new Map<string, Promise<Configuration>>()

  /** However many wait for it, an issuer is asked once at a time. */
  function learn(provider: SignInProvider): Promise<Configuration> {
    const { id } = provider
    const under = asked.get(id) ?? configure(deps, provider).finally(() => asked.delete(id))
    asked.set(id, under)
    return under
  }
  /** DomainError `not-found` for an id that the operator has not set up. */
  function named(id: string): SignInProvider {
    const provider = deps.config.signInProviders.find((one) => one.id === id)
    if (!provider) throw new DomainError('not-found')
    return provider
  }

  return {
    named,
    /** DomainError `not-found`, `oauth-unreachable`. */
    async of(id: string): Promise<ProviderClient> {
      const provider = named(id)
      const oidc = await library()
      const before = known.get(id)
      if (before && deps.clock() - before.at < rediscoverMs) return { provider, oidc, ...before }
      const configuration = await learn(provider)
      known.set(id, { at: deps.clock(), configuration })
      return { provider, oidc, configuration }
    },
  }
}

async function configure(deps: Deps, provider: SignInProvider): Promise<Configuration> {
  const oidc = await library()
  const { clientId, clientSecret } = provider
  const metadata = provider.kind === 'github' ? githubMetadata(provider) : await discovered(deps, provider)
  const methods = metadata.token_endpoint_auth_methods_supported
  const post = provider.kind === 'github' || methods?.includes('client_secret_post') === true
  const authentication = (post ? oidc.ClientSecretPost : oidc.ClientSecretBasic)(clientSecret)
  const configuration = new oidc.Configuration(
    metadata,
    clientId,
    { client_secret: clientSecret },
    authentication,
  )
  configuration[oidc.customFetch] = safeFetch(deps)
  if (metadata.issuer.startsWith('http:')) oidc.allowInsecureRequests(configuration)
  // An id_token is judged by its signature too, and not alone by the TLS connection it came over: this also refuses `none`
  // and HMAC, for which no key can be fetched.
  if (provider.kind === 'oidc') oidc.enableNonRepudiationChecks(configuration)
  return configuration
}

async function discovered(
  deps: Deps,
  { issuer, clientId }: SignInProvider & { kind: 'oidc' },
): Promise<Readonly<ServerMetadata>> {
  const { allowInsecureRequests, customFetch, discovery } = await library()
  const found = await discovery(new URL(issuer), clientId, undefined, undefined, {
    [customFetch]: safeFetch(deps),
    // http is for the loopback and private hosts that the operator allowed; the dialer refuses it anywhere else.
    execute: issuer.startsWith('http:') ? [allowInsecureRequests] : [],
  })
  return found.serverMetadata()
}

/** GitHub has no discovery. Source: its documentation of OAuth apps, "Authorizing OAuth apps". */
const githubMetadata = ({ webUrl }: SignInProvider & { kind: 'github' }): ServerMetadata => ({
  issuer: `${webUrl}/login/oauth`,
  authorization_endpoint: `${webUrl}/login/oauth/authorize`,
  token_endpoint: `${webUrl}/login/oauth/access_token`,
})

/** Every call to a provider: to the addresses that the dialer lets through, bounded in time and size, no redirect followed. */
export function safeFetch(deps: Deps): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    if (body instanceof ReadableStream || body instanceof ArrayBuffer || body instanceof Uint8Array) {
      throw new TypeError('a provider is sent text alone')
    }
    const deadline = AbortSignal.timeout(callMs)
    const answer = await fetchPublic(
      new URL(url),
      {
        method: method === 'POST' ? 'POST' : 'GET',
        headers: { ...headers },
        ...(body != null && { body: body.toString() }),
      },
      {
        allowHosts: deps.config.signInAllowHosts,
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      },
    )
    if (answer.status >= 500 || answer.status === 429) {
      throw new DialError('destination-unreachable', `it answered ${answer.status}`)
    }
    const empty = answer.status === 204 || answer.status === 304
    return new Response(empty ? null : new Uint8Array(answer.body), {
      status: answer.status,
      headers: answer.headers,
    })
  }
}

/**
 * Runs calls to a provider and turns what goes wrong into what people are told: `oauth-unreachable` when it could not be
 * asked, `oauth-refused` for everything that it, or the library about it, did not find in order. The log has the reason.
 */
export async function asking<T>(deps: Deps, provider: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof DomainError) throw error
    const down = causes(error).some((one) => one instanceof DialError)
    deps.log.warn(
      { provider, reason: reasonOf(error) },
      down ? 'a provider was not reached' : 'a sign-in was not confirmed',
    )
    throw new DomainError(down ? 'oauth-unreachable' : 'oauth-refused')
  }
}

/**
 * What was wrong, in the library's words and the provider's. Never the errors themselves: they carry codes that nobody has used
 * up yet, claims about people, and answers as they came.
 */
function reasonOf(error: unknown): string {
  const words = causes(error).flatMap((one) => {
    if (!(one instanceof Error)) return []
    // A parser quotes what it could not read.
    if (one instanceof SyntaxError) return [one.name]
    const { error: code, error_description: more } = one as { error?: unknown; error_description?: unknown }
    return [one.message, code, more].filter((word) => typeof word === 'string')
  })
  return words.map((word) => word.slice(0, 200)).join(': ')
}

function causes(error: unknown): unknown[] {
  const chain: unknown[] = []
  for (let one = error; one !== undefined && chain.length < 10; ) {
    chain.push(one)
    one = one instanceof Error ? one.cause : undefined
  }
  return chain
}
