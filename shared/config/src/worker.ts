import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import { readEncryptionKey } from './encryption-key.ts'
import { readDockerHost, readFolder, readImage, readInstallationId, readPool } from './engine-settings.ts'
import { type ErrorReports, readErrorReports } from './error-reports.ts'
import type { AllowedHost } from './provider-hosts.ts'
import { createReader, type Environment, type NodeEnv, type Reader } from './reader.ts'
import { readAllowHosts, readAllowPlaintext } from './secret-policy.ts'
import { type LogLevel, logLevels, parseKey32, parseOrigin, readDatabaseUrl, readRedisUrl } from './values.ts'

export type WorkerConfig = {
  nodeEnv: NodeEnv
  production: boolean
  databaseUrl: string
  redisUrl: string
  /** 32 bytes. */
  encryptionKey: Buffer
  /** 1 + the highest previous version (a retired one counts), else 1. */
  keyVersion: number
  encryptionKeysPrevious: readonly { version: number; key: Buffer }[]
  /** Versions whose key the operator has given up: what they seal does not keep the worker from starting. */
  encryptionKeysLost: readonly number[]
  /** Ed25519 public keys of the api, 32 bytes each: several while it is exchanged. */
  capabilityPublicKeys: readonly Buffer[]
  installationId: string
  agentNetworkPool: string
  bind: string
  /** 0 = any free port. */
  port: number
  /** What the api dials; undefined when the port is only known after listening. */
  url: string | undefined
  /** Origin under which browsers see the api: for whom passkeys sign. undefined: this worker confirms none. */
  publicUrl: string | undefined
  dockerHost: string
  /** Our own images where set-up has put them on the engine; undefined: the worker assembles them. */
  images: { gateway: string | undefined; 'starter-agent': string | undefined }
  /** `published`: gateways' ports on loopback. `network`: their addresses on the control network, which this process is on. */
  gatewayDial: 'published' | 'network'
  /** Private or plain-http hosts that a key may be tried at. */
  providerAllowHosts: readonly AllowedHost[]
  /** Rows of suite 0 (not sealed) may be used. */
  allowPlaintextSecrets: boolean
  keysDir: string
  /** `required`: no agent starts unless a probe from inside the pool finds this host closed. */
  hostGuard: 'required' | 'off'
  /** The file in which the host guard says how it is. */
  netguardStatus: string | undefined
  dataDir: string
  /** What is kept of agents' logs, as compressed bytes: of one agent, and of all. */
  logs: { keptBytes: number; keptDays: number; totalBytes: number }
  workerId: string
  /** Undefined: errors are reported nowhere. */
  errorReports: ErrorReports | undefined
  logLevel: LogLevel
}

/** Parses the worker's environment once. Throws ConfigError with every problem found. */
export function loadWorkerConfig(env: Environment): Readonly<WorkerConfig> {
  const reader = createReader(env, 'worker')
  const previous = readPrevious(reader)
  const bind = reader.raw('NORA_WORKER_BIND') ?? '127.0.0.1'
  const port = reader.number('NORA_WORKER_PORT', 7070, { min: 0, max: 65_535 })
  return reader.finish<WorkerConfig>({
    nodeEnv: reader.nodeEnv,
    production: reader.production,
    databaseUrl: readDatabaseUrl(reader, 'nora_worker'),
    redisUrl: readRedisUrl(reader),
    encryptionKey: readEncryptionKey(reader, env),
    keyVersion: 1 + Math.max(0, ...previous.map((one) => one.version)),
    encryptionKeysPrevious: previous.flatMap(({ version, key }) => (key ? [{ version, key }] : [])),
    encryptionKeysLost: previous.filter((one) => one.lost).map((one) => one.version),
    capabilityPublicKeys: readPublicKeys(reader),
    installationId: readInstallationId(reader),
    agentNetworkPool: readPool(reader),
    bind,
    port,
    url: readUrl(reader, bind, port),
    publicUrl: reader.parsed(
      'NORA_PUBLIC_URL',
      'the api’s own, scheme and host without a path',
      (text) => parseOrigin(text)?.origin,
    ),
    dockerHost: readDockerHost(reader),
    images: {
      gateway: readImage(reader, 'NORA_IMAGE_GATEWAY'),
      'starter-agent': readImage(reader, 'NORA_IMAGE_STARTER_AGENT'),
    },
    gatewayDial: reader.oneOf('NORA_GATEWAY_DIAL', ['published', 'network'], 'published'),
    providerAllowHosts: readAllowHosts(reader),
    allowPlaintextSecrets: readAllowPlaintext(reader),
    hostGuard: reader.oneOf('NORA_HOST_GUARD', ['required', 'off'], 'required'),
    netguardStatus: reader.parsed('NORA_NETGUARD_STATUS', 'an absolute path', (path) =>
      isAbsolute(path) ? path : undefined,
    ),
    keysDir: readFolder(reader, 'NORA_KEYS_DIR', 'a memory-backed folder such as /run/nora/keys'),
    dataDir: readFolder(reader, 'NORA_DATA_DIR', 'a folder on disk such as /var/lib/nora/worker'),
    logs: readLogs(reader),
    errorReports: readErrorReports(reader),
    workerId:
      reader.raw('NORA_WORKER_ID') ?? `${hostname()}-${process.pid}-${randomBytes(4).toString('hex')}`,
    logLevel: reader.oneOf('NORA_LOG_LEVEL', logLevels, 'info'),
  })
}

const megabyte = 1024 * 1024

function readLogs(reader: Reader): WorkerConfig['logs'] {
  return {
    keptBytes: reader.number('NORA_LOG_KEEP_MB', 64, { min: 1, max: 1_048_576 }) * megabyte,
    keptDays: reader.number('NORA_LOG_KEEP_DAYS', 14, { min: 1, max: 3650 }),
    totalBytes: reader.number('NORA_LOG_TOTAL_MB', 10_240, { min: 1, max: 1_073_741_824 }) * megabyte,
  }
}

/** A number whose key is `retired` or `lost` stays in the list: the current key's number follows from it. */
function readPrevious(reader: Reader): { version: number; key: Buffer | undefined; lost: boolean }[] {
  const seen = new Set<number>()
  return reader.list('ENCRYPTION_KEYS_PREVIOUS').flatMap((item) => {
    const match = /^([1-9]\d{0,8}):([0-9a-f]{64}|retired|lost)$/i.exec(item)
    const version = Number(match?.[1])
    if (!match || seen.has(version)) {
      reader.problem(
        'ENCRYPTION_KEYS_PREVIOUS',
        'must list <version>:<64 hex characters>, <version>:retired or <version>:lost, each version once',
      )
      return []
    }
    seen.add(version)
    const text = match[2] as string
    const gone = /^(retired|lost)$/i.test(text)
    return [{ version, key: gone ? undefined : Buffer.from(text, 'hex'), lost: /^lost$/i.test(text) }]
  })
}

function readPublicKeys(reader: Reader): Buffer[] {
  const how = 'it is the public half of NORA_CAPABILITY_PRIVATE_KEY (./setup.sh derives it)'
  const text = reader.required('NORA_CAPABILITY_PUBLIC_KEY', how)
  const keys = text?.split(',').map((one) => parseKey32(one.trim())) ?? []
  if (keys.includes(undefined)) {
    reader.problem('NORA_CAPABILITY_PUBLIC_KEY', `must be 32 bytes in base64url without padding: ${how}`)
  }
  return keys.filter((key) => key !== undefined)
}

function readUrl(reader: Reader, bind: string, port: number): string | undefined {
  const given = reader.parsed(
    'NORA_WORKER_URL',
    'an http origin such as http://127.0.0.1:7070',
    (text) => parseOrigin(text)?.origin,
  )
  if (given !== undefined) return given
  if (port === 0) return undefined
  if (bind === '0.0.0.0' || bind === '::') {
    reader.problem(
      'NORA_WORKER_URL',
      'is missing: with a wildcard NORA_WORKER_BIND say what the api is to dial',
    )
  }
  return `http://${bind.includes(':') ? `[${bind}]` : bind}:${port}`
}
