import {
  bytesOf,
  type Call,
  type Fields,
  type Form,
  memberOf,
  textOf,
  UntriableError,
  under,
} from './call.ts'
import { googleForm } from './google.ts'

const get = (url: URL, headers: Record<string, string>): Call => ({ url, method: 'GET', headers })
const post = (url: URL, headers: Record<string, string>, body: string): Call => ({
  url,
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body,
})
const bearer = (fields: Fields, name: string) => ({ authorization: `Bearer ${textOf(fields, name)}` })

/** RFC 7617; the bytes as they are, whatever they spell. */
function basic(user: Buffer, password: Buffer): Record<string, string> {
  const pair = Buffer.concat([user, Buffer.from(':'), password])
  const encoded = pair.toString('base64')
  pair.fill(0)
  return { authorization: `Basic ${encoded}` }
}

const forms: Record<string, Form> = {
  github: ({ base, fields }) => get(under(base, '/user'), bearer(fields, 'token')),
  gitlab: ({ base, fields }) => get(under(base, '/user'), { 'private-token': textOf(fields, 'token') }),
  slack: ({ base, fields }) => ({
    ...post(under(base, '/auth.test'), bearer(fields, 'botToken'), '{}'),
    judge: (status, json) => {
      const ok = memberOf(json, 'ok')
      if (status !== 200 || typeof ok !== 'boolean') return undefined
      return ok ? { works: true } : { works: false, why: 'it does not take the bot token' }
    },
  }),
  discord: ({ base, fields }) =>
    get(under(base, '/users/@me'), { authorization: `Bot ${textOf(fields, 'botToken')}` }),
  telegram: ({ base, fields }) => {
    const token = textOf(fields, 'botToken')
    if (!/^\d+:[\w-]+$/.test(token)) throw new UntriableError('no bot can have a token like this')
    return {
      ...get(under(base, `/bot${token}/getMe`), {}),
      // A token of no bot's is a path that it does not know.
      judge: (status) => (status === 404 ? { works: false, why: 'it does not know the bot' } : undefined),
    }
  },
  notion: ({ base, fields }) =>
    get(under(base, '/users/me'), { ...bearer(fields, 'token'), 'notion-version': '2022-06-28' }),
  // A personal key goes without `Bearer`.
  linear: ({ base, fields }) => ({
    ...post(
      under(base, '/graphql'),
      { authorization: textOf(fields, 'apiKey') },
      '{"query":"{ viewer { id } }"}',
    ),
    judge: (status, json) => {
      if (memberOf(json, 'data', 'viewer', 'id') !== undefined) return { works: true }
      return status === 200 || status === 400
        ? { works: false, why: 'it does not know whose it is' }
        : undefined
    },
  }),
  jira: ({ base, fields }) =>
    get(under(base, '/rest/api/3/myself'), basic(bytesOf(fields, 'email'), bytesOf(fields, 'apiToken'))),
  airtable: ({ base, fields }) => get(under(base, '/meta/whoami'), bearer(fields, 'token')),
  'google-service-account': googleForm,
  twilio: ({ base, fields }) => {
    const account = textOf(fields, 'accountSid')
    const [user, password] =
      fields['apiKeySid'] && fields['apiKeySecret']
        ? [fields['apiKeySid'], fields['apiKeySecret']]
        : [bytesOf(fields, 'accountSid'), bytesOf(fields, 'authToken')]
    const path = `/Accounts/${encodeURIComponent(account)}/Messages.json?PageSize=1`
    return get(under(base, path), basic(user, password))
  },
  sendgrid: ({ base, fields }) => get(under(base, '/scopes'), bearer(fields, 'apiKey')),
  stripe: ({ base, fields }) => get(under(base, '/balance'), bearer(fields, 'apiKey')),
  supabase: ({ base, fields }) => get(under(base, '/auth/v1/settings'), { apikey: textOf(fields, 'apiKey') }),
  cloudflare: ({ base, fields }) => {
    const account = fields['accountId'] && encodeURIComponent(textOf(fields, 'accountId'))
    const path = account ? `/accounts/${account}/tokens/verify` : '/user/tokens/verify'
    return get(under(base, path), bearer(fields, 'token'))
  },
  huggingface: ({ base, fields }) => get(under(base, '/whoami-v2'), bearer(fields, 'token')),
}

/** The call of a service's that a wrong credential cannot make, or undefined where there is none. */
export const integrationForm = (name: string): Form | undefined =>
  Object.hasOwn(forms, name) ? forms[name] : undefined
