import { readAdminUrl } from './admin-url.ts'
import { type BotProtection, readBotProtection } from './bot-protection.ts'
import { type ErrorReports, readErrorReports } from './error-reports.ts'
import type { AllowedHost } from './provider-hosts.ts'
import { type RateLimits, readRateLimits } from './rate-limits.ts'
import { commands, createReader, type Environment, type NodeEnv, type Reader } from './reader.ts'
import { readAllowHosts, readAllowPlaintext } from './secret-policy.ts'
import { readSignInAllowHosts, readSignInProviders, type SignInProvider } from './sign-in-providers.ts'
import {
  isLoopback,
  type LogLevel,
  logLevels,
  parseCidr,
  parseKey32,
  parseOrigin,
  readDatabaseUrl,
  readKeys32,
  readRedisUrl,
} from './values.ts'

export type ApiConfig = {
  nodeEnv: NodeEnv
  production: boolean
  bind: string
  port: number
  /** Sent with the readiness, for whoever started this process to know it by; undefined: not sent. */
  instance: string | undefined
  /** Origin under which browsers see us, no trailing slash. */
  publicUrl: string
  /** Origin of the admin app; undefined: the Admin API lets nobody sign in. */
  adminUrl: string | undefined
  /** Folders of the built apps that the api serves; undefined: another server has their pages. */
  consoleDir: string | undefined
  adminDir: string | undefined
  databaseUrl: string
  /** redis:// URL, or the path of a unix socket (as ioredis takes it). */
  redisUrl: string
  /** The first signs, all verify. */
  jwtSecrets: readonly string[]
  /** `nsk1.<version>.<public>.<psk>`, shape checked; @nora/crypto parses it. */
  sealKey: string
  /** Ed25519 seed, 32 bytes. */
  capabilityPrivateKey: Buffer
  /** What it was before, while it is exchanged: what it has vouched for is proven with these once more. */
  capabilityPrivateKeysBefore: readonly Buffer[]
  /** Of workspace API keys, 32 bytes each: the first makes, all verify. Empty: derived from the capability keys. */
  hubPeppers: readonly Buffer[]
  setupToken: string | undefined
  corsOrigins: readonly string[]
  signupEnabled: boolean
  signInProviders: readonly SignInProvider[]
  /** Private or plain-http hosts that those may have. */
  signInAllowHosts: readonly AllowedHost[]
  /** undefined: sign-up asks for no CAPTCHA. */
  botProtection: BotProtection | undefined
  enabledBackends: readonly 'docker'[]
  limits: { vcpu: number; ramMb: number; diskGb: number; agents: number }
  /** The most agents of all workspaces together. */
  maxAgentsTotal: number
  /** The largest body of a call to an agent's own API, in MiB. */
  invokeMaxBodyMb: number
  /** Addresses and blocks whose X-Forwarded-* are believed. */
  trustProxy: readonly string[]
  /** Further names under which callers may reach us, in lower case, without a port. */
  allowedHosts: readonly string[]
  /** Open connections, in all and of one address. */
  connections: { all: number; perAddress: number }
  providerAllowHosts: readonly AllowedHost[]
  allowPlaintextSecrets: boolean
  rateLimits: RateLimits
  /** Undefined: errors are reported nowhere. */
  errorReports: ErrorReports | undefined
  logLevel: LogLevel
}

/** Parses the api's environment once. Throws ConfigError with every problem found. */
export function loadApiConfig(env: Environment): Readonly<ApiConfig> {
  const reader = createReader(env, 'api')
  // The name means two addresses, and so two servers: one of them would go without the edge's limits.
  const bind = reader.raw('NORA_BIND')?.replace(/^localhost$/i, '127.0.0.1') ?? '127.0.0.1'
  const port = reader.number('NORA_PORT', 8080, { min: 0, max: 65_535 })
  const publicUrl = readPublicUrl(reader, bind, port)
  const providerAllowHosts = readAllowHosts(reader)
  const capabilityKeys = readKeys32(
    reader,
    'NORA_CAPABILITY_PRIVATE_KEY',
    `make one with \`${commands.seed}\``,
  )
  return reader.finish<ApiConfig>({
    nodeEnv: reader.nodeEnv,
    production: reader.production,
    bind,
    port,
    instance: readInstance(reader),
    publicUrl,
    adminUrl: readAdminUrl(reader, publicUrl),
    consoleDir: reader.raw('NORA_CONSOLE_DIR'),
    adminDir: reader.raw('NORA_ADMIN_DIR'),
    databaseUrl: readDatabaseUrl(reader, 'nora_app'),
    redisUrl: readRedisUrl(reader),
    jwtSecrets: readJwtSecrets(reader),
    sealKey: readSealKey(reader),
    capabilityPrivateKey: capabilityKeys[0] ?? Buffer.alloc(0),
    capabilityPrivateKeysBefore: capabilityKeys.slice(1),
    hubPeppers: readHubPeppers(reader),
    setupToken: readSetupToken(reader),
    corsOrigins: readCorsOrigins(reader),
    signupEnabled: reader.boolean('SIGNUP_ENABLED', true),
    signInProviders: readSignInProviders(reader),
    signInAllowHosts: readSignInAllowHosts(reader),
    botProtection: readBotProtection(reader, providerAllowHosts),
    enabledBackends: readBackends(reader),
    limits: {
      vcpu: reader.number('MAX_VCPU', 4, { min: 0.1, max: 1024, integer: false }),
      ramMb: reader.number('MAX_RAM_MB', 8192, { min: 64, max: 16_777_216 }),
      diskGb: reader.number('MAX_DISK_GB', 50, { min: 1, max: 65_536 }),
      agents: reader.number('MAX_AGENTS', 50, { min: 0, max: 1_000_000 }),
    },
    maxAgentsTotal: reader.number('MAX_AGENTS_TOTAL', 1000, { min: 0, max: 1_000_000 }),
    invokeMaxBodyMb: reader.number('NORA_INVOKE_MAX_BODY_MB', 100, { min: 1, max: 1024 }),
    trustProxy: readTrustProxy(reader),
    allowedHosts: readAllowedHosts(reader),
    connections: {
      all: reader.number('NORA_MAX_CONNECTIONS', 4096, { min: 16, max: 1_000_000 }),
      perAddress: reader.number('NORA_MAX_CONNECTIONS_PER_ADDRESS', 512, { min: 8, max: 1_000_000 }),
    },
    providerAllowHosts,
    allowPlaintextSecrets: readAllowPlaintext(reader),
    rateLimits: readRateLimits(reader),
    errorReports: readErrorReports(reader),
    logLevel: reader.oneOf('NORA_LOG_LEVEL', logLevels, 'info'),
  })
}

function readPublicUrl(reader: Reader, bind: string, port: number): string {
  const how = 'set it to the https origin that browsers use, such as https://nora.your-domain.org'
  if (reader.raw('NORA_PUBLIC_URL') === undefined && isLoopback(bind)) return `http://localhost:${port}`
  const text = reader.required('NORA_PUBLIC_URL', how)
  if (text === undefined) return ''
  const url = parseOrigin(text)
  if (!url) {
    reader.problem('NORA_PUBLIC_URL', `must be an origin, scheme and host without a path: ${how}`)
    return ''
  }
  if (reader.production && url.protocol === 'http:' && !isLoopback(url.hostname)) {
    reader.problem(
      'NORA_PUBLIC_URL',
      `is plain http and not loopback: ${how}, or reach it through an ssh tunnel`,
    )
  }
  return url.origin
}

function readInstance(reader: Reader): string | undefined {
  const word = reader.raw('NORA_INSTANCE')
  if (word !== undefined && !/^[\w-]{1,100}$/.test(word))
    reader.problem('NORA_INSTANCE', 'must be letters, digits, - and _: leave it to the supervisor')
  return word
}

function readJwtSecrets(reader: Reader): string[] {
  const how = `make one with \`${commands.hex32}\``
  const text = reader.required('JWT_SECRET', how)
  if (text === undefined) return []
  const secrets = text.split(',').map((secret) => secret.trim())
  for (const secret of secrets) reader.checkStrength('JWT_SECRET', secret, how, 32)
  if (secrets.some((secret) => secret === '')) reader.problem('JWT_SECRET', `has an empty item: ${how}`)
  return secrets
}

function readHubPeppers(reader: Reader): Buffer[] {
  const how = `make one with \`${commands.hex32}\``
  return reader.list('NORA_API_KEY_PEPPER').map((text) => {
    if (/^[0-9a-f]{64}$/i.test(text)) reader.checkStrength('NORA_API_KEY_PEPPER', text, how, 64)
    else reader.problem('NORA_API_KEY_PEPPER', `must list 64 hex characters each: ${how}`)
    return Buffer.from(text, 'hex')
  })
}

function readSealKey(reader: Reader): string {
  const how =
    'derive it from ENCRYPTION_KEY with `./setup.sh` (the api can write secrets with it, not read them)'
  const text = reader.required('NORA_SEAL_KEY', how)
  if (text === undefined) return ''
  const [tag, version, publicKey, psk, more] = text.split('.')
  const shaped = tag === 'nsk1' && /^[1-9]\d{0,9}$/.test(version ?? '') && more === undefined
  if (!shaped || !parseKey32(publicKey ?? '') || !parseKey32(psk ?? '')) {
    reader.problem('NORA_SEAL_KEY', `must read nsk1.<version>.<public key>.<psk>: ${how}`)
  }
  return text
}

function readSetupToken(reader: Reader): string | undefined {
  const value = reader.raw('NORA_SETUP_TOKEN')
  if (value !== undefined) {
    reader.checkStrength('NORA_SETUP_TOKEN', value, `make one with \`${commands.hex32}\``, 32)
  }
  return value
}

function readCorsOrigins(reader: Reader): string[] {
  return reader.list('CORS_ORIGINS').flatMap((text) => {
    if (text === '*' && !reader.production) return [text]
    const url = parseOrigin(text)
    if (!url)
      reader.problem('CORS_ORIGINS', 'must list exact origins (https://app.your-domain.org), never `*`')
    return url ? [url.origin] : []
  })
}

function readBackends(reader: Reader): 'docker'[] {
  const names = reader.list('ENABLED_BACKENDS')
  for (const name of names) {
    if (name !== 'docker') reader.problem('ENABLED_BACKENDS', 'may only list `docker` in this version')
  }
  return ['docker']
}

/** One address or block whose word is believed; a block so wide that strangers are in it is a mistake. */
function readTrustProxy(reader: Reader): string[] {
  return reader.list('NORA_TRUST_PROXY').filter((text) => {
    const block = parseCidr(text)
    if (!block) {
      reader.problem(
        'NORA_TRUST_PROXY',
        'must list addresses or CIDR blocks (never `true` or a number of hops)',
      )
    } else if (block.prefix < (block.family === 4 ? 8 : 7)) {
      reader.problem('NORA_TRUST_PROXY', 'must not trust every address: list the proxy alone')
    } else if (/^[0:]*:ffff:/i.test(block.address)) {
      reader.problem('NORA_TRUST_PROXY', 'must name an IPv4 address as IPv4')
    }
    return block !== undefined
  })
}

function readAllowedHosts(reader: Reader): string[] {
  return reader.list('NORA_ALLOWED_HOSTS').map((text) => {
    const host = text.toLowerCase()
    if (!/^[a-z0-9._-]+$|^\[[0-9a-f:.]+\]$/.test(host)) {
      reader.problem('NORA_ALLOWED_HOSTS', 'must list host names or addresses, without scheme, port or `*`')
    }
    return host
  })
}
