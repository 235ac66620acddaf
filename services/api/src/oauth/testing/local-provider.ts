import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { SignInProvider } from '@nora/config/sign-in-providers'
import { afterAll, beforeAll } from 'vitest'

type Claims = Record<string, unknown>
type Grant = { redirectUri: string; challenge: string; nonce: string | null; claims: Claims }

/** How a test turns an honest provider into a bad one, until the next call of `behave`. */
export type Behaviour = {
  /** Changes the claims of the next id_tokens. */
  claims?: (claims: Claims) => Claims
  /** Writes the id_token itself. */
  idToken?: (claims: Claims, keys: Keys) => string
  /** Changes where it sends the browser back to. */
  back?: (url: URL) => void
  metadata?: (metadata: Claims) => Claims
  /** Ends every connection without an answer. */
  down?: boolean
  /** Answers tokens with this status. */
  tokenStatus?: number
  /** Seconds since the person signed in there, also when it is told to ask again. */
  signedInFor?: number
}

export type Keys = { rsa: { privateKey: KeyObject; publicKey: KeyObject }; ec: { privateKey: KeyObject } }

/**
 * An OpenID provider and a GitHub of our own, on a loopback port: real codes, PKCE, client authentication, real signatures.
 * It signs in at once whoever `person` says.
 */
export type LocalProvider = {
  issuer: string
  oidc: SignInProvider & { kind: 'oidc' }
  github: SignInProvider & { kind: 'github' }
  person: { sub: string; id: number; email: string; verified: boolean; name: string }
  behave: (behaviour: Behaviour) => void
  /** The parameters of every authorization and token request. */
  authorizations: URLSearchParams[]
  tokens: URLSearchParams[]
  /** Uses an authorization URL as a browser would; gives where it is sent, or throws what the provider said. */
  visit: (url: string) => Promise<URL>
}

const b64 = (value: string | Buffer) => Buffer.from(value).toString('base64url')

export function jws(header: Claims, claims: Claims, key: KeyObject): string {
  const text = `${b64(JSON.stringify(header))}.${b64(JSON.stringify(claims))}`
  return `${text}.${b64(sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }))}`
}

/** Runs from `beforeAll` to `afterAll`; `id` is how the api names it. */
export function localProvider(id = 'oidc', publicUrl = 'http://localhost:8080'): LocalProvider {
  const provider = {} as LocalProvider
  let close = async (): Promise<void> => undefined
  beforeAll(async () => {
    close = await startProvider(provider, id, publicUrl)
  })
  afterAll(() => close())
  return provider
}

/** Fills `provider` in, which the server looks at with each request, and gives what ends it. */
async function startProvider(
  provider: LocalProvider,
  id: string,
  publicUrl: string,
): Promise<() => Promise<void>> {
  const keys: Keys = {
    rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  }
  const secret = randomBytes(16).toString('hex')
  const clientId = `nora-${randomBytes(4).toString('hex')}`
  const grants = new Map<string, Grant>()
  const accessTokens = new Set<string>()
  let behaviour: Behaviour = {}

  const server = createServer((request, response) => {
    if (behaviour.down) return void request.socket.destroy()
    answer(request, response).catch((error: Error) => {
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: 'invalid_request', error_description: error.message }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const common = { clientId, clientSecret: secret, name: 'Local' }
  Object.assign(provider, {
    issuer,
    oidc: { kind: 'oidc', id, issuer, ...common },
    github: { kind: 'github', id: 'github', webUrl: issuer, apiUrl: `${issuer}/api/v3`, ...common },
    person: { sub: 'nobody', id: 1, email: 'nobody@nora.test', verified: true, name: 'Nobody' },
    behave: (next) => {
      behaviour = next
    },
    authorizations: [],
    tokens: [],
    visit: async (url) => {
      const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(60_000) })
      const location = response.headers.get('location')
      if (response.status !== 302 || !location) throw new Error(await response.text())
      return new URL(location)
    },
  } satisfies LocalProvider)

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, issuer)
    const json = (body: unknown, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(JSON.stringify(body))
    }
    const { person } = provider
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return json((behaviour.metadata ?? ((same) => same))(metadataOf(issuer)))
      case '/jwks':
        return json({
          keys: [jwkOf(keys.rsa.publicKey, 'RS256', 'one'), jwkOf(keys.ec.privateKey, 'ES256', 'two')],
        })
      case '/authorize':
      case '/login/oauth/authorize': {
        const back = authorize(url.searchParams, url.pathname === '/authorize')
        response.writeHead(302, { location: back.href }).end()
        return
      }
      case '/token':
      case '/login/oauth/access_token': {
        const { claims } = redeem(new URLSearchParams(await bodyOf(request)), request.headers.authorization)
        if (behaviour.tokenStatus) return json({ error: 'server_error' }, behaviour.tokenStatus)
        const access_token = randomBytes(12).toString('hex')
        accessTokens.add(access_token)
        if (url.pathname !== '/token')
          return json({ access_token, token_type: 'bearer', scope: 'user:email' })
        const spoilt = (behaviour.claims ?? ((same) => same))(claims)
        const id_token =
          behaviour.idToken?.(spoilt, keys) ?? jws({ alg: 'RS256', kid: 'one' }, spoilt, keys.rsa.privateKey)
        return json({ access_token, token_type: 'Bearer', expires_in: 60, id_token })
      }
      case '/api/v3/user':
      case '/api/v3/user/emails': {
        if (!accessTokens.has(request.headers.authorization?.slice(7) ?? '')) return json({}, 401)
        if (url.pathname.endsWith('/user')) return json({ id: person.id, login: 'login', name: person.name })
        return json([
          { email: 'other@nora.test', primary: false, verified: true },
          { email: person.email, primary: true, verified: person.verified },
        ])
      }
      default:
        return json({}, 404)
    }
  }

  function authorize(asked: URLSearchParams, openid: boolean): URL {
    provider.authorizations.push(asked)
    const redirectUri = asked.get('redirect_uri') ?? ''
    const registered = new RegExp(`^${publicUrl}/api/auth/oauth/(${id}|github)/callback$`)
    if (asked.get('client_id') !== clientId) throw new Error('another client')
    if (!registered.test(redirectUri)) throw new Error('this redirect_uri is not registered')
    if (asked.get('response_type') !== 'code') throw new Error('only code')
    if (asked.get('code_challenge_method') !== 'S256') throw new Error('PKCE with S256 is required')
    const now = Math.floor(Date.now() / 1000)
    const again = asked.get('prompt') === 'login' && asked.get('max_age') === '0'
    const { sub, email, verified, name } = provider.person
    const code = randomBytes(12).toString('hex')
    grants.set(code, {
      redirectUri,
      challenge: asked.get('code_challenge') ?? '',
      nonce: asked.get('nonce'),
      claims: {
        ...{ iss: issuer, aud: clientId, sub, iat: now, exp: now + 300, nonce: asked.get('nonce') },
        auth_time: now - (behaviour.signedInFor ?? (again ? 0 : 3600)),
        ...(asked.get('scope')?.includes('email') && { email, email_verified: verified, name }),
      },
    })
    const back = new URL(redirectUri)
    back.searchParams.set('code', code)
    back.searchParams.set('state', asked.get('state') ?? '')
    if (openid) back.searchParams.set('iss', issuer)
    behaviour.back?.(back)
    return back
  }

  function redeem(asked: URLSearchParams, authorization: string | undefined): Grant {
    provider.tokens.push(asked)
    // RFC 6749 2.3.1: both are form-encoded first.
    const basic = decodeURIComponent(Buffer.from(authorization?.slice(6) ?? '', 'base64').toString())
    const posted = `${asked.get('client_id')}:${asked.get('client_secret')}`
    if (![basic, posted].includes(`${clientId}:${secret}`)) throw new Error('the client is not known')
    const grant = grants.get(asked.get('code') ?? '')
    grants.delete(asked.get('code') ?? '')
    if (!grant) throw new Error('no such code')
    if (grant.redirectUri !== asked.get('redirect_uri')) throw new Error('another redirect_uri')
    const verifier = asked.get('code_verifier') ?? ''
    if (createHash('sha256').update(verifier).digest('base64url') !== grant.challenge) {
      throw new Error('the code_verifier is not the one')
    }
    return grant
  }

  return async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

const metadataOf = (issuer: string): Claims => ({
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
  response_types_supported: ['code'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256', 'ES256', 'HS256', 'none'],
  token_endpoint_auth_methods_supported: ['client_secret_basic'],
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
})

const jwkOf = (key: KeyObject, alg: string, kid: string): Claims => {
  const { d: _, ...jwk } = key.export({ format: 'jwk' })
  return { ...jwk, alg, kid, use: 'sig' }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
