import type { EnvSecret, Secret } from './inventory.ts'

const operator = 'the operator writes it, from the provider'
const exchange = (where: string) =>
  `make another ${where}, write it in its place, run \`./setup.sh\`, then \`./setup.sh --secret-replaced NAME\``

const given = (name: EnvSecret['name'], what: string, rest: Partial<EnvSecret>): EnvSecret => ({
  ...{ name, what, type: 'credential', file: 'api', readBy: ['api'], madeBy: operator },
  notice: 'nothing once both sides have the new one',
  ...rest,
})

/** Given by the operator, where the feature is used. */
export const givenSecrets: readonly EnvSecret[] = [
  ...(
    [
      ['NORA_OAUTH_GITHUB_CLIENT_SECRET', 'GitHub'],
      ['NORA_OAUTH_GOOGLE_CLIENT_SECRET', 'Google'],
      ['NORA_OIDC_CLIENT_SECRET', 'the OpenID Connect issuer'],
    ] as const
  ).map(([name, provider]) =>
    given(name, `Nora’s own sign-in at ${provider}`, { cadenceDays: 365, how: exchange('at the provider') }),
  ),
  ...(['SIGNUP_TURNSTILE_SECRET', 'SIGNUP_RECAPTCHA_SECRET'] as const).map((name) =>
    given(name, 'asks the CAPTCHA’s provider about a token', { how: exchange('at the provider') }),
  ),
  given('SENTRY_DSN', 'lets api and worker send error reports', {
    ...{ readBy: ['api', 'worker'], how: exchange('in the Sentry project'), notice: 'nothing' },
    place: 'and in `worker.env` where the worker reports too',
  }),
]

const derived = (name: string, what: string, from: string, rest: Partial<Secret> = {}): Secret => ({
  ...{ name, what, type: 'derived', readBy: ['api'], place: 'memory of its readers; stored nowhere' },
  ...{ madeBy: `follows from ${from} at each start`, how: `with ${from}`, notice: 'as there' },
  ...rest,
})
const ofTheKey = '`ENCRYPTION_KEY`'
const ofCapability = '`NORA_CAPABILITY_PRIVATE_KEY`'
const asFile = 'environment (embedded) or a file of mode 0400 (compose) of its reader; no source of its own'

/** They change with what they follow from. */
export const derivedSecrets: readonly Secret[] = [
  derived('NORA_SEAL_KEY', 'seals secrets; opens none', ofTheKey, { place: asFile }),
  derived('DATABASE_URL', 'the database password with its address', '`NORA_DB_PASSWORD_*`', {
    ...{ readBy: ['api', 'worker', 'migrate'], place: asFile },
  }),
  derived('REDIS_URL', 'the Redis password with its address', '`NORA_REDIS_PASSWORD_*`', {
    ...{ readBy: ['api', 'worker'], place: asFile },
  }),
  derived('gateway control key', 'signs what the worker tells gateways', ofTheKey, { readBy: ['worker'] }),
  derived('audit signing key', 'signs the ends of the audit’s chain', ofTheKey, { readBy: ['worker'] }),
  derived('rotation proof', 'shows Postgres that the worker may re-seal', ofTheKey, { readBy: ['worker'] }),
  derived('sign-in proof', 'shows Postgres that the api checked a provider or passkey', ofCapability),
  derived('fingerprint key', 'makes the fingerprints by which people compare keys', '`NORA_SEAL_KEY`'),
]

const theirs = 'encrypted in the database'
const hashed = 'hashed in the database'

/** Files of the machine, and what people bring or are given. */
export const heldSecrets: readonly Secret[] = [
  {
    ...{
      name: 'TLS key',
      what: 'the private key of the certificate',
      type: 'private key',
      path: 'tls/privkey.pem',
    },
    ...{ readBy: ['nginx'], madeBy: '`infra/setup-tls.sh`: self-signed or from an authority' },
    ...{ how: '`infra/setup-tls.sh` again', notice: 'nothing; a self-signed one has to be accepted again' },
  },
  {
    ...{ name: 'Postgres superuser', what: 'may do anything in the database', type: 'password' },
    place: '`<data>/postgres/data.superuser`, mode 0600; used over loopback alone',
    ...{ readBy: ['postgres'], madeBy: 'made with the database' },
    how: '`ALTER ROLE postgres PASSWORD` by hand, and the same into that file',
    notice: 'nothing',
  },
  {
    ...{ name: 'provider keys and exchange credentials', what: 'what agents call providers with' },
    ...{ type: 'credential', place: theirs, readBy: ['worker'], madeBy: 'their owner, in the console' },
    ...{ how: 'the owner: a new one at the provider, `Replace`, then `Sync keys` on each agent' },
    notice: 'an agent uses the one before until it is synced',
  },
  {
    ...{ name: 'delivered key files', what: 'the same, in clear, for one running agent', type: 'credential' },
    place: 'the agent’s memory-backed folder, mode 0400, the agent’s uid; gone when it stops',
    ...{ readBy: ['the agent'], madeBy: 'the worker, before each start' },
    ...{ how: '`Sync keys`', notice: 'the agent reads its new keys' },
  },
  {
    ...{ name: 'workspace API keys', what: 'call the Agent Hub API', type: 'token', place: hashed },
    ...{ readBy: ['api'], madeBy: 'an admin of the workspace; shown once, 90 days by default, 365 at most' },
    ...{ how: '`Rotate` in the console; both work during the grace', notice: 'the caller takes the new one' },
  },
  {
    ...{ name: 'session and refresh tokens', what: 'keep a person signed in', type: 'token', place: hashed },
    ...{ readBy: ['api'], madeBy: 'each sign-in' },
    ...{ how: '`Sign out everywhere` in the account', notice: 'that person signs in again' },
  },
  {
    ...{ name: 'account passwords and recovery codes', what: 'sign a person in', type: 'password' },
    ...{ place: hashed, readBy: ['api'], madeBy: 'the person' },
    how: 'in the account; `./setup.sh --reset-admin` and `--reset-passkeys` for who lost them',
    notice: 'every other session of theirs ends',
  },
]
