import type { CredentialType, Field } from './credential-types.ts'

export type Integration = CredentialType & {
  /** The call with which a worker tries it, for people. Null where no call would tell, or where trying does something. */
  test: string | null
}

const secret = (name: string, title: string): Field => ({ name, title, secret: true })
const open = (name: string, title: string): Field => ({ name, title, secret: false })
const token = secret('token', 'Access token')

const at = (
  provider: string,
  name: string,
  docsUrl: string,
  defaultBaseUrl: string,
  rest: Partial<Integration> & Pick<Integration, 'test'>,
): Integration => ({
  provider,
  name,
  docsUrl,
  fields: [token],
  anyFields: false,
  alternatives: [['token']],
  baseUrl: 'none',
  defaultBaseUrl,
  ...rest,
})

const generic = (provider: string, name: string, rest: Partial<Integration>): Integration => ({
  provider,
  name,
  docsUrl: null,
  fields: [],
  anyFields: false,
  alternatives: [],
  baseUrl: 'required',
  defaultBaseUrl: null,
  test: null,
  ...rest,
})

/** Every other service a credential can be stored for. The order is the one people see. */
export const integrationCatalog: readonly Integration[] = [
  // GitHub Enterprise Server: https://<host>/api/v3
  at(
    'github',
    'GitHub',
    'https://docs.github.com/authentication/keeping-your-account-and-data-secure/managing-your-personal-access-tokens',
    'https://api.github.com',
    { baseUrl: 'optional', test: 'GET /user' },
  ),
  at(
    'gitlab',
    'GitLab',
    'https://docs.gitlab.com/user/profile/personal_access_tokens/',
    'https://gitlab.com/api/v4',
    { baseUrl: 'optional', test: 'GET /user' },
  ),
  // It answers HTTP 200 with {"ok":false} to a wrong token.
  at('slack', 'Slack', 'https://docs.slack.dev/authentication/tokens', 'https://slack.com/api', {
    fields: [
      secret('botToken', 'Bot token'),
      secret('appToken', 'App-level token'),
      secret('signingSecret', 'Signing secret'),
    ],
    alternatives: [['botToken']],
    test: 'POST /auth.test',
  }),
  at(
    'discord',
    'Discord',
    'https://discord.com/developers/docs/reference#authentication',
    'https://discord.com/api/v10',
    {
      fields: [secret('botToken', 'Bot token')],
      alternatives: [['botToken']],
      test: 'GET /users/@me',
    },
  ),
  // Whoever runs a Bot API server of their own has another base URL.
  at('telegram', 'Telegram', 'https://core.telegram.org/bots/api', 'https://api.telegram.org', {
    fields: [secret('botToken', 'Bot token')],
    alternatives: [['botToken']],
    baseUrl: 'optional',
    test: 'GET /bot<token>/getMe',
  }),
  at(
    'notion',
    'Notion',
    'https://developers.notion.com/reference/authentication',
    'https://api.notion.com/v1',
    { test: 'GET /users/me' },
  ),
  at('linear', 'Linear', 'https://linear.app/developers/graphql', 'https://api.linear.app', {
    fields: [secret('apiKey', 'Personal API key')],
    alternatives: [['apiKey']],
    test: 'POST /graphql, the query of who asks',
  }),
  // https://<site>.atlassian.net, or https://api.atlassian.com/ex/jira/<cloud id> for a token with scopes.
  generic('jira', 'Jira Cloud', {
    docsUrl: 'https://developer.atlassian.com/cloud/jira/platform/basic-auth-for-rest-apis/',
    fields: [open('email', 'E-mail address of the account'), secret('apiToken', 'API token')],
    alternatives: [['email', 'apiToken']],
    test: 'GET /rest/api/3/myself',
  }),
  at(
    'airtable',
    'Airtable',
    'https://airtable.com/developers/web/api/authentication',
    'https://api.airtable.com/v0',
    { test: 'GET /meta/whoami' },
  ),
  // The key signs; what travels is a signed assertion, to Google's token endpoint alone.
  generic('google-service-account', 'Google service account', {
    docsUrl: 'https://developers.google.com/identity/protocols/oauth2/service-account',
    fields: [secret('serviceAccountJson', 'Key file (JSON)')],
    alternatives: [['serviceAccountJson']],
    baseUrl: 'none',
    hosts: ['oauth2.googleapis.com'],
    test: 'POST https://oauth2.googleapis.com/token with a signed assertion',
  }),
  generic('smtp', 'SMTP', {
    docsUrl: 'https://www.rfc-editor.org/rfc/rfc4954',
    fields: [
      open('host', 'Host'),
      open('port', 'Port (465 or 587)'),
      open('username', 'User name'),
      secret('password', 'Password'),
      open('from', 'Sender address'),
    ],
    alternatives: [['host', 'port', 'username', 'password']],
    baseUrl: 'none',
    addressField: 'host',
    test: 'EHLO, STARTTLS where the port is not 465, AUTH; no mail is sent',
  }),
  at('twilio', 'Twilio', 'https://www.twilio.com/docs/iam/api-keys', 'https://api.twilio.com/2010-04-01', {
    fields: [
      open('accountSid', 'Account SID'),
      secret('authToken', 'Auth token'),
      open('apiKeySid', 'API key SID'),
      secret('apiKeySecret', 'API key secret'),
    ],
    alternatives: [
      ['accountSid', 'authToken'],
      ['accountSid', 'apiKeySid', 'apiKeySecret'],
    ],
    baseUrl: 'optional',
    test: 'GET /Accounts/<account SID>/Messages.json?PageSize=1',
  }),
  at(
    'sendgrid',
    'SendGrid',
    'https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys',
    'https://api.sendgrid.com/v3',
    {
      fields: [secret('apiKey', 'API key')],
      alternatives: [['apiKey']],
      baseUrl: 'listed',
      baseUrls: ['https://api.eu.sendgrid.com/v3'],
      test: 'GET /scopes',
    },
  ),
  at('stripe', 'Stripe', 'https://docs.stripe.com/keys', 'https://api.stripe.com/v1', {
    fields: [secret('apiKey', 'Secret or restricted key'), secret('webhookSecret', 'Webhook signing secret')],
    alternatives: [['apiKey']],
    test: 'GET /balance',
  }),
  // https://<project>.supabase.co
  generic('supabase', 'Supabase', {
    docsUrl: 'https://supabase.com/docs/guides/api/api-keys',
    fields: [secret('apiKey', 'Secret key (or service_role)')],
    alternatives: [['apiKey']],
    test: 'GET /auth/v1/settings',
  }),
  at(
    'cloudflare',
    'Cloudflare',
    'https://developers.cloudflare.com/fundamentals/api/get-started/create-token/',
    'https://api.cloudflare.com/client/v4',
    {
      fields: [token, open('accountId', 'Account id, for a token that an account owns')],
      test: 'GET /user/tokens/verify, or /accounts/<account id>/tokens/verify',
    },
  ),
  at(
    'huggingface',
    'Hugging Face',
    'https://huggingface.co/docs/hub/security-tokens',
    'https://huggingface.co/api',
    { test: 'GET /whoami-v2' },
  ),
  generic('postgres', 'Postgres', {
    docsUrl: 'https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS',
    fields: [secret('url', 'postgres://user:password@host:5432/database')],
    alternatives: [['url']],
    baseUrl: 'none',
    addressField: 'url',
    test: 'signing in by SCRAM-SHA-256, inside TLS; no query is made',
  }),
  // Trying one would set off what hangs on it.
  generic('webhook', 'Webhook', {
    fields: [secret('url', 'URL'), secret('signingSecret', 'Signing secret')],
    alternatives: [['url']],
    baseUrl: 'none',
    addressField: 'url',
  }),
  generic('bearer', 'Any API with a bearer token', { fields: [token], alternatives: [['token']] }),
  generic('basic', 'Any API with user name and password', {
    fields: [open('username', 'User name'), secret('password', 'Password')],
    alternatives: [['username', 'password']],
  }),
  generic('header', 'Any API with a header of its own', {
    fields: [open('headerName', 'Header'), secret('headerValue', 'Value')],
    alternatives: [['headerName', 'headerValue']],
  }),
  generic('custom', 'Name-value secrets', { anyFields: true, baseUrl: 'optional' }),
]
