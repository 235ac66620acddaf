import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { type Answer, type Client, client } from '../../testing/client.ts'
import type { TestApi } from '../../testing/test-api.ts'
import type { LocalProvider } from './local-provider.ts'

/** A browser without a session, on the real api. */
export const browser = (api: TestApi): Client => client({ url: api.url, origin: api.origin })

/** Somebody who has not been here, whom the provider signs in from now on. */
export function newcomer(provider: LocalProvider, changes: Partial<LocalProvider['person']> = {}) {
  const name = `p${randomBytes(6).toString('hex')}`
  const id = randomBytes(4).readUInt32BE() + 1
  provider.person = { sub: name, id, email: `${name}@nora.test`, verified: true, name, ...changes }
  return provider.person
}

/** Begins a sign-in; gives the provider's address that the browser is sent to. */
export async function begin(who: Client, provider = 'oidc', query = ''): Promise<string> {
  const answer = await who.get(`/api/auth/oauth/${provider}/start${query}`)
  expect(answer.status, answer.text).toBe(302)
  return answer.headers.get('location')!
}

/** Comes back to the api with what the provider gave. */
export const comeBack = (who: Client, url: URL): Promise<Answer> => who.get(`${url.pathname}${url.search}`)

/** The whole way; a client whose sign-in worked has cookies and its CSRF token. */
export async function signInAt(
  who: Client,
  at: LocalProvider,
  provider = 'oidc',
  query = '',
): Promise<Answer> {
  const answer = await comeBack(who, await at.visit(await begin(who, provider, query)))
  if (answer.status === 302) await learn(who)
  return answer
}

/** What a page asks first: who am I, and with which token do I change things? */
export async function learn(who: Client): Promise<Client> {
  const me = await who.get('/api/auth/me')
  expect(me.status, me.text).toBe(200)
  return Object.assign(who, { csrfToken: me.body.csrfToken, user: me.body.user })
}

/** A round trip of somebody who is signed in. */
export async function roundTrip(
  who: Client,
  at: LocalProvider,
  purpose: 'link' | 'step-up',
  provider = 'oidc',
): Promise<Answer> {
  const begun = await who.post(`/api/auth/oauth/${provider}/${purpose}`, {})
  if (begun.status !== 200) return begun
  return comeBack(who, await at.visit(begun.body.authorizationUrl))
}

export const codeOf = ({ status, body }: Answer) => [status, body?.code]
