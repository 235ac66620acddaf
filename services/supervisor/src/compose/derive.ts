import { createHash } from 'node:crypto'
import { isLoopback } from '@nora/config/values'
import { describeVariable, type VariableName, variableNames } from '@nora/config/variables'
import type { Variables } from '../env-files.ts'
import { buildEnvironments } from '../environments.ts'
import type { Installation } from '../installation.ts'
import { containerUids, type Holder, stackAddresses } from './addresses.ts'
import { redisAccess } from './redis-acl.ts'

export const ports = { postgres: 5432, redis: 6379, api: 8080, worker: 7070 } as const

/** What one container is given: its settings, which anybody who may ask the engine can read, and files that it alone may read. */
export type Given = { env: Variables; secrets: Variables }

export type Stack = { given: Record<Holder, Given>; variables: Variables }

export type StackFacts = {
  /** Where the files are written: `<config>/compose`. */
  folder: string
  configDir: string
  /** The rendered settings of nginx and of the servers of pages: those are made anew when they change. */
  nginxSettings: string
  keysDir: string
  /** Postgres's, Redis's and the worker's folders are in it. */
  dataDir: string
  /** CPUs that one container may use at the most. */
  cpus: number
  engineSocket: string
  /** Where systemd's resolver says whom it asks; an empty folder where there is none. */
  resolversDir: string
  /** Numeric group of the engine's socket. */
  engineGid: number
  /** nginx's certificate and key, PEM. */
  tls: { fullchain: string; privkey: string }
  /** References or ids of the images, by the names that docker-compose.yml has for them. */
  images: Variables
}

/** The engine as the worker sees it. */
const proxySocket = '/run/nora-engine/docker.sock'

/** Where the host's guard says how it is; the worker reads it there, and starts no agent without. */
const guardDir = '/run/nora-guard'

const secretsFolder = '/run/secrets'

/**
 * Everything that docker-compose.yml is filled with, from the installation's env files: the same derivation as the embedded shape's,
 * with the addresses of containers in it. Pure. Throws, naming the file and the fix, when something is missing or cannot be written
 * into a file of settings.
 */
export function deriveStack(installation: Installation, facts: StackFacts): Stack {
  const { files, id } = installation
  const need = (name: string): string => {
    const value = files.installation[name]
    if (!value) throw new Error(`${name} is missing in installation.env: run ./setup.sh again`)
    return value
  }
  const pool = need('NORA_AGENT_NETWORK_POOL')
  const at = stackAddresses(need('NORA_STACK_NETWORK'), pool)
  const environments = buildEnvironments(files, {
    ...{ postgresHost: at.control.postgres, postgresPort: ports.postgres, redisUrl: '', code: '/app' },
    ...{
      engineSocket: '/var/run/docker.sock',
      keysDir: facts.keysDir,
      workerDataDir: '/var/lib/nora/worker',
      guardDir,
    },
  })
  const redis = redisAccess(files, `${at.control.redis}:${ports.redis}`)
  // What containers are connected by is not the operator's to set: these win over the env files.
  const api: Variables = {
    ...environments.api,
    REDIS_URL: redis.urls.api,
    ...{ NORA_BIND: at.edge.api, NORA_PORT: String(ports.api), NORA_TRUST_PROXY: at.edge.nginx },
  }
  const worker: Variables = {
    NORA_HOST_GUARD: 'required',
    ...environments.worker,
    REDIS_URL: redis.urls.worker,
    ...{ NORA_WORKER_BIND: at.control.worker, NORA_WORKER_PORT: String(ports.worker) },
    ...{ NORA_KEYS_DIR: facts.keysDir, NORA_DATA_DIR: '/var/lib/nora/worker' },
    DOCKER_HOST: `unix://${proxySocket}`,
    NORA_GATEWAY_DIAL: 'network',
    ...pick(facts.images, ['NORA_IMAGE_GATEWAY', 'NORA_IMAGE_STARTER_AGENT']),
  }
  delete worker['NORA_WORKER_URL']
  // Two servers of their own have the pages.
  for (const name of ['NORA_CONSOLE_DIR', 'NORA_ADMIN_DIR']) delete api[name]
  const given: Stack['given'] = {
    api: parted(api),
    worker: parted(worker),
    'engine-proxy': {
      env: {
        ...{ NODE_ENV: 'production', NORA_INSTALLATION_ID: id, NORA_AGENT_NETWORK_POOL: pool },
        ...{ NORA_KEYS_DIR: facts.keysDir, NORA_PROXY_SOCKET: proxySocket },
        DOCKER_HOST: 'unix:///var/run/docker.sock',
        ...pick(facts.images, ['NORA_IMAGE_GATEWAY']),
      },
      secrets: {},
    },
    // What is allowed is written on the host, in a folder that it reads alone.
    netguard: parted({
      ...environments.netguard,
      NORA_EGRESS_ALLOW_FILE: '/etc/nora/netguard/allow',
      NORA_STACK_NETWORK: need('NORA_STACK_NETWORK'),
    }),
    migrate: parted(environments.migrate),
    postgres: {
      env: {
        NORA_CONTROL_NETWORK: at.subnets.control,
        NORA_CONTROL_ADDRESS: at.control.postgres,
        NORA_DB_PASSWORD_MIGRATOR_FILE: '/run/secrets/NORA_DB_PASSWORD_MIGRATOR',
      },
      secrets: { NORA_DB_PASSWORD_MIGRATOR: environments.migratorPassword },
    },
    redis: { env: {}, secrets: { 'users.acl': redis.acl } },
    nginx: { env: {}, secrets: { 'fullchain.pem': facts.tls.fullchain, 'privkey.pem': facts.tls.privkey } },
  }
  const digests = Object.entries(given).map(([name, one]) => [
    upperName('DIGEST', name),
    digestOf(name === 'nginx' ? [one, facts.nginxSettings] : one),
  ])
  const short = id.slice(0, 8)
  return {
    given,
    variables: {
      ...{
        NORA_PROJECT: `nora-${short}`,
        NORA_COMPOSE_DIR: facts.folder,
        NORA_CONFIG_DIR: facts.configDir,
        NORA_KEYS_DIR: facts.keysDir,
      },
      ...{ NORA_DATA_DIR: facts.dataDir, NORA_CPUS: String(facts.cpus) },
      ...{ NORA_INSTALLATION_ID: id, NORA_ENGINE_GID: String(facts.engineGid) },
      ...{ NORA_ENGINE_SOCKET: facts.engineSocket, NORA_RESOLVERS_DIR: facts.resolversDir },
      ...{ NORA_HTTP_PORT: need('NORA_HTTP_PORT'), NORA_HTTPS_PORT: need('NORA_HTTPS_PORT') },
      NORA_PUBLISH_ADDRESS: publishAddress(installation.publicUrl),
      // The network that sorts first has the container's default route: it must be one with a way out.
      ...{ NORA_NETWORK_EDGE: `nora-${short}-00-a-edge`, NORA_NETWORK_OUT: `nora-${short}-00-a-out` },
      ...{ NORA_NETWORK_CONTROL: `nora-${short}-control`, NORA_NETWORK_GATEWAYS: `nora-${short}-00-control` },
      ...Object.fromEntries(
        Object.entries(at.subnets).map(([name, net]) => [`NORA_SUBNET_${name.toUpperCase()}`, net]),
      ),
      ...{ NORA_EDGE_NGINX: at.edge.nginx, NORA_EDGE_API: at.edge.api },
      ...{ NORA_EDGE_CONSOLE: at.edge.console, NORA_EDGE_ADMIN: at.edge.admin },
      ...{ NORA_CONTROL_POSTGRES: at.control.postgres, NORA_CONTROL_REDIS: at.control.redis },
      ...{ NORA_CONTROL_API: at.control.api, NORA_CONTROL_WORKER: at.control.worker },
      ...{ NORA_CONTROL_MIGRATE: at.control.migrate, NORA_OUT_WORKER: at.out.worker },
      ...{ NORA_GATEWAYS_BRIDGE: at.gateways.bridge, NORA_GATEWAYS_API: at.gateways.api },
      NORA_GATEWAYS_WORKER: at.gateways.worker,
      ...Object.fromEntries(
        Object.entries(containerUids).map(([name, uid]) => [upperName('UID', name), `${uid}:${uid}`]),
      ),
      ...Object.fromEntries(digests),
      NORA_DIGEST_PAGES: digestOf(facts.nginxSettings),
      ...facts.images,
    },
  }
}

const pick = (variables: Variables, names: string[]): Variables =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => names.includes(name)))

const upperName = (kind: string, name: string) => `NORA_${kind}_${name.toUpperCase().replaceAll('-', '_')}`

/** On this machine alone while its public name means this machine alone. */
function publishAddress(publicUrl: string): string {
  return isLoopback(new URL(publicUrl).hostname) ? '127.0.0.1' : '0.0.0.0'
}

const isSecret = (name: string) =>
  (variableNames as string[]).includes(name) && describeVariable(name as VariableName).secret === true

/** Settings of Node and of the system that an operator may have in an env file. Whatever else is unknown stays there. */
const ofTheSystem = new Set([
  ...['LANG', 'TZ', 'UV_THREADPOOL_SIZE', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'NODE_USE_ENV_PROXY'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'],
])
const isKnown = (name: string) => (variableNames as string[]).includes(name) || ofTheSystem.has(name)

/** Secrets become files, of which the settings name the path. */
function parted(variables: Variables): Given {
  const filled = Object.entries(variables).filter(([, value]) => value !== '')
  const secrets = Object.fromEntries(filled.filter(([name]) => isSecret(name)))
  const paths = Object.keys(secrets).map((name) => [`${name}_FILE`, `${secretsFolder}/${name}`])
  const plain = filled.filter(([name]) => isKnown(name) && !isSecret(name))
  return { env: Object.fromEntries([...plain, ...paths]), secrets }
}

/** Names what a container was given without telling it: Compose makes a container anew when this changes. */
const digestOf = (given: unknown): string =>
  createHash('sha256').update(JSON.stringify(given)).digest('hex').slice(0, 16)

/**
 * One file of settings as both generations of Compose read it: single quotes keep every character but for a quote, a backslash, a line's
 * end and `${`.
 * Throws, naming the setting, for a value that has those.
 */
export function formatSettings(variables: Variables): string {
  return Object.entries(variables)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      if (/['\r\n\\]|\$\{/.test(value))
        throw new Error(`${name} must not contain a quote, a backslash, a line's end or \${`)
      return `${name}='${value}'\n`
    })
    .join('')
}
