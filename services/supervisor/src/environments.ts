import { join } from 'node:path'
import { capabilityPublicKey } from '@nora/crypto/capability'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import type { EnvFile, Variables } from './env-files.ts'

/** What the running parts contribute to the processes' environments. */
export type Facts = {
  postgresPort: number
  /** 127.0.0.1 unless given. */
  postgresHost?: string
  redisUrl: string
  engineSocket: string
  keysDir: string
  workerDataDir: string
  /** The host guard's folder. Undefined where nobody may change the firewall: agents then start without a guard. */
  guardDir?: string | undefined
  /** The folder with `services/` in it, where the built apps are. */
  code: string
}

export type Environments = Record<'api' | 'worker' | 'migrate' | 'netguard', Variables> & {
  migratorPassword: string
}

/** In the host guard's folder: what agents may reach besides NORA_EGRESS_ALLOW, taken up at once. */
export const allowedFile = 'allow'

/**
 * The whole environment of each process, from the env files and what runs. What can be derived is derived at each
 * start and stored nowhere: the seal key and the capability's public half follow their secrets through a rotation.
 * Throws, naming the file and the fix, when a secret is missing.
 */
export function buildEnvironments(files: Record<EnvFile, Variables>, facts: Facts): Environments {
  const { installation, api, worker, migrate, demo } = files
  const need = (file: Variables, name: string, where: EnvFile): string => {
    const value = file[name]
    if (!value) throw new Error(`${name} is missing in ${where}.env: run ./setup.sh again`)
    return value
  }
  const migratorPassword = need(migrate, 'NORA_DB_PASSWORD_MIGRATOR', 'migrate')
  const passwordApp = need(migrate, 'NORA_DB_PASSWORD_APP', 'migrate')
  const passwordWorker = need(migrate, 'NORA_DB_PASSWORD_WORKER', 'migrate')
  const database = (role: string, password: string) =>
    `postgres://${role}:${password}@${facts.postgresHost ?? '127.0.0.1'}:${facts.postgresPort}/nora`
  const common = { NODE_ENV: 'production', LANG: 'C.UTF-8', TZ: 'UTC' }
  const allowHosts = [api['NORA_PROVIDER_ALLOW_HOSTS'], demo['NORA_PROVIDER_ALLOW_HOSTS']].filter(Boolean)
  const installationId = need(installation, 'NORA_INSTALLATION_ID', 'installation')
  // Both processes judge destinations and unsealed rows, so both are told; the operator writes them once, for the api.
  const policy: Variables = {}
  if (allowHosts.length > 0) policy['NORA_PROVIDER_ALLOW_HOSTS'] = allowHosts.join(',')
  const plaintext = api['NORA_ALLOW_PLAINTEXT_SECRETS']
  if (plaintext) policy['NORA_ALLOW_PLAINTEXT_SECRETS'] = plaintext
  const pool = need(installation, 'NORA_AGENT_NETWORK_POOL', 'installation')
  const guardStatus = facts.guardDir && join(facts.guardDir, 'status.json')
  return {
    migratorPassword,
    netguard: {
      ...{ NODE_ENV: 'production', NORA_INSTALLATION_ID: installationId, NORA_AGENT_NETWORK_POOL: pool },
      NORA_EGRESS_ALLOW: worker['NORA_EGRESS_ALLOW'] ?? '',
      ...(facts.guardDir ? { NORA_EGRESS_ALLOW_FILE: join(facts.guardDir, allowedFile) } : {}),
      ...(guardStatus ? { NORA_NETGUARD_STATUS: guardStatus } : {}),
    },
    migrate: {
      ...common,
      DATABASE_URL: database('nora_migrator', migratorPassword),
      NORA_DB_PASSWORD_APP: passwordApp,
      NORA_DB_PASSWORD_WORKER: passwordWorker,
    },
    worker: {
      ...{ ...common, DATABASE_URL: database('nora_worker', passwordWorker), REDIS_URL: facts.redisUrl },
      ...{ DOCKER_HOST: `unix://${facts.engineSocket}` },
      ...{ NORA_KEYS_DIR: facts.keysDir, NORA_DATA_DIR: facts.workerDataDir },
      NORA_INSTALLATION_ID: installationId,
      // The same name at every start: there is one worker here and its last life has ended, so it may take its own
      // leases back at once instead of waiting until they run out.
      NORA_WORKER_ID: `worker-${installationId.slice(0, 8)}`,
      NORA_AGENT_NETWORK_POOL: pool,
      ...(guardStatus ? { NORA_NETGUARD_STATUS: guardStatus } : { NORA_HOST_GUARD: 'off' }),
      NORA_WORKER_PORT: need(installation, 'NORA_WORKER_PORT', 'installation'),
      // What passkeys sign for: the worker checks them by itself.
      NORA_PUBLIC_URL:
        api['NORA_PUBLIC_URL'] || `http://localhost:${need(installation, 'NORA_PORT', 'installation')}`,
      NORA_CAPABILITY_PUBLIC_KEY: publicHalves(need(api, 'NORA_CAPABILITY_PRIVATE_KEY', 'api')),
      ...policy,
      ...worker,
    },
    api: {
      ...{ ...common, DATABASE_URL: database('nora_app', passwordApp), REDIS_URL: facts.redisUrl },
      NORA_PORT: need(installation, 'NORA_PORT', 'installation'),
      NORA_SEAL_KEY: sealKey(worker),
      NORA_CONSOLE_DIR: join(facts.code, 'services/console/dist'),
      NORA_ADMIN_DIR: join(facts.code, 'services/admin/dist'),
      // argon2 fills four threads; sealing and file reads want some too.
      UV_THREADPOOL_SIZE: '8',
      ...api,
      ...policy,
      // For a while it may be closed, never opened.
      ...(demo['SIGNUP_ENABLED'] === 'false' ? { SIGNUP_ENABLED: 'false' } : {}),
    },
  }
}

/** Of each seed in the list. A malformed one is the api's to refuse, with its own clear line; here it would only end everything. */
const publicHalves = (seeds: string): string =>
  seeds
    .split(',')
    .map((seed) => Buffer.from(seed.trim(), 'base64url'))
    .map((bytes) => (bytes.length === 32 ? capabilityPublicKey(bytes).toString('base64url') : ''))
    .join(',')

function sealKey(worker: Variables): string {
  const hex = worker['ENCRYPTION_KEY'] ?? ''
  // As above: the worker refuses it.
  if (!/^[0-9a-f]{64}$/i.test(hex)) return ''
  const versions = (worker['ENCRYPTION_KEYS_PREVIOUS'] ?? '')
    .split(',')
    .map((item) => Number.parseInt(item, 10))
  const version = 1 + Math.max(0, ...versions.filter(Number.isInteger))
  return formatSealKey(deriveSealing(Buffer.from(hex, 'hex'), version).sealKey)
}
