import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { createWriteStream, statSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capabilityPublicKey } from '@nora/crypto/capability'
import { deriveSealing, formatSealKey } from '@nora/crypto/keys'
import { nodeProcess } from '@nora/supervisor/node-process'
import { addressIn, freePool } from '@nora/testing/address-pool'
import { freePort } from '@nora/testing/free-port'
import { detachDisks } from '@nora/testing/loop-disks'
import { waitUntil } from '@nora/testing/wait-until'
import type Docker from 'dockerode'

const root = fileURLToPath(new URL('..', import.meta.url))
// Kept from run to run, as an installation keeps its own: ignored by git, and Node notices what has changed.
const compiled = join(root, 'node_modules/.cache/nora')

/** The real api and the real worker, with what a client needs to know of them. */
export type Processes = {
  installation: string
  /** `nora-<first 8 of the installation id>`: how every object of this stack is named. */
  prefix: string
  url: string
  /** The block of its agents' networks. */
  pool: string
  setupToken: string
  encryptionKey: string
  /** Where a stand-in provider listens so that agents reach it, and the port it has been allowed. */
  provider: { host: string; port: number }
  folder: string
  api: ChildProcess
  worker: ChildProcess
  /** What both are started with; what a test changes here counts from the next start on. */
  environments: Record<'api' | 'worker', NodeJS.ProcessEnv>
  startWorker: () => Promise<void>
  /** SIGKILL, and waits until it is gone. */
  killWorker: () => Promise<void>
  /** Ends the api and starts it with its environment as it is now. */
  restartApi: () => Promise<void>
  logOf: (service: 'api' | 'worker') => Promise<string>
  /** Ends both and removes whatever they left, by this installation's label alone. */
  close: () => Promise<void>
}

/** With these each process runs as a user of its own, without capabilities; needs root. */
export type Uids = { api: number; worker: number }

type Ground = {
  database: { appUrl: string; workerUrl: string }
  redisUrl: string
  docker: Docker
  /** More settings of the api, and of both. */
  settings?: Record<string, string>
  common?: Record<string, string>
  /** More settings of the worker alone. */
  worker?: Record<string, string>
  uids?: Uids | undefined
  /** The name browsers use; passkeys need one that is no number. */
  host?: '127.0.0.1' | 'localhost'
}

/**
 * Starts both on the database and Redis that it is given, with an address pool and a key folder of their own, and waits
 * until they are ready. Fills `it`, so that whoever holds it can close what a failed start left.
 */
export async function startProcesses(it: Processes, ground: Ground): Promise<void> {
  const { docker, uids } = ground
  it.installation = randomUUID()
  it.prefix = `nora-${it.installation.slice(0, 8)}`
  it.folder = await mkdtemp(join(tmpdir(), 'nora-e2e-'))
  it.encryptionKey = randomBytes(32).toString('hex')
  it.setupToken = randomBytes(24).toString('base64url')
  const pool = freePool()
  it.pool = pool
  it.provider = { host: addressIn(pool, 1), port: await freePort() }
  const port = await freePort()
  it.url = `http://${ground.host ?? '127.0.0.1'}:${port}`
  const environments = environmentsOf(it, ground, { pool, port })
  it.environments = environments
  it.startWorker = async () => {
    it.worker = launch('worker', environments.worker, it.folder, uids?.worker)
  }
  it.killWorker = () => end(it.worker, 'SIGKILL')
  it.restartApi = async () => {
    await end(it.api, 'SIGTERM')
    it.api = launch('api', environments.api, it.folder, uids?.api)
    await ready(it)
  }
  it.logOf = (service) => readFile(join(it.folder, `${service}.log`), 'utf8')
  it.close = async () => {
    await end(it.api, 'SIGTERM')
    await end(it.worker, 'SIGTERM')
    await removeObjects(docker, it.installation)
    await detachDisks(it.folder)
    await rm(it.folder, { recursive: true, force: true })
  }
  if (uids) await openTo(it, ground.redisUrl, uids)
  await it.startWorker()
  it.api = launch('api', environments.api, it.folder, uids?.api)
  await ready(it)
}

/** Waits for `readyz`; a service that refuses to start or never gets there is shown with its last lines. */
async function ready(it: Processes): Promise<void> {
  const answer = async () => {
    if (it.api.exitCode !== null || it.worker.exitCode !== null) return 'ended'
    const response = await fetch(`${it.url}/api/readyz`, { signal: AbortSignal.timeout(20_000) })
    if (response.ok) return 'ready'
    throw new Error(await response.text())
  }
  const outcome = await waitUntil('readyz', answer, { deadlineMs: 240_000, everyMs: 100 }).catch(String)
  if (outcome === 'ready') return
  const logs = await Promise.all((['api', 'worker'] as const).map(it.logOf))
  throw new Error(
    `the stack is not ready: ${outcome}\n${logs.map((log) => log.slice(-2_000)).join('\n---\n')}`,
  )
}

function environmentsOf(it: Processes, ground: Ground, options: { pool: string; port: number }) {
  const seed = randomBytes(32)
  const { sealKey } = deriveSealing(Buffer.from(it.encryptionKey, 'hex'), 1)
  const common = {
    PATH: process.env['PATH'],
    NODE_ENV: 'production',
    NORA_LOG_LEVEL: 'debug',
    REDIS_URL: ground.redisUrl,
    ...ground.common,
  }
  const api = {
    ...common,
    DATABASE_URL: ground.database.appUrl,
    NORA_PORT: String(options.port),
    NORA_PUBLIC_URL: it.url,
    JWT_SECRET: randomBytes(32).toString('hex'),
    NORA_SEAL_KEY: formatSealKey(sealKey),
    NORA_CAPABILITY_PRIVATE_KEY: seed.toString('base64url'),
    NORA_SETUP_TOKEN: it.setupToken,
    NORA_PROVIDER_ALLOW_HOSTS: `${it.provider.host}:${it.provider.port}`,
    NORA_RATE_LIMITS: 'global=60000/60,mutations=60000/60,tickets=60000/60,signup-burst=100/60',
    ...ground.settings,
  }
  const worker = {
    ...common,
    DATABASE_URL: ground.database.workerUrl,
    ENCRYPTION_KEY: it.encryptionKey,
    NORA_CAPABILITY_PUBLIC_KEY: capabilityPublicKey(seed).toString('base64url'),
    NORA_PUBLIC_URL: it.url,
    NORA_INSTALLATION_ID: it.installation,
    NORA_WORKER_ID: `worker-${it.prefix}`,
    NORA_AGENT_NETWORK_POOL: options.pool,
    NORA_WORKER_PORT: '0',
    NORA_HOST_GUARD: 'off',
    NORA_KEYS_DIR: `/dev/shm/${it.prefix}/keys`,
    NORA_DATA_DIR: join(it.folder, 'worker'),
    NORA_PROVIDER_ALLOW_HOSTS: `${it.provider.host}:${it.provider.port}`,
    ...ground.worker,
  }
  return { api, worker }
}

/** What the worker writes to and what both connect to, given to the users they run as. */
async function openTo(it: Processes, redisUrl: string, uids: Uids): Promise<void> {
  await chmod(it.folder, 0o755)
  await chmod(dirname(redisUrl), 0o755)
  await chmod(redisUrl, 0o777)
  for (const folder of [join(it.folder, 'worker'), `/dev/shm/${it.prefix}`]) {
    await mkdir(folder, { recursive: true })
    await chown(folder, uids.worker, uids.worker)
  }
}

function launch(
  service: 'api' | 'worker',
  env: NodeJS.ProcessEnv,
  folder: string,
  uid?: number,
): ChildProcess {
  const node = nodeProcess(join(compiled, service))
  const program = [process.execPath, ...node.args, join(root, 'services', service, 'src/main.ts')]
  const engine =
    service === 'worker' ? ['--groups', String(statSync('/var/run/docker.sock').gid)] : ['--clear-groups']
  const user = uid === undefined ? [] : ['setpriv', '--reuid', String(uid), '--regid', String(uid), ...engine]
  const [command, ...words] = [...user, ...program]
  const child = spawn(command!, words, {
    cwd: root,
    env: { ...node.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(join(folder, `${service}.log`), { flags: 'a' })
  child.stdout?.pipe(log, { end: false })
  child.stderr?.pipe(log, { end: false })
  return child
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(timer)
}

/**
 * Removes what this stack's installation left on the engine: by its own label alone. What a killed worker had asked for may come
 * while this looks, and what is on its way out is in the way of a network: until nothing is left, it looks again.
 */
async function removeObjects(docker: Docker, installation: string): Promise<void> {
  const filters = { label: [`com.nora.installation=${installation}`] }
  const left = async () => {
    const [containers, networks, volumes] = await Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listNetworks({ filters }),
      docker.listVolumes({ filters }),
    ])
    return { containers, networks, volumes: volumes.Volumes ?? [] }
  }
  const removed = async () => {
    const { containers, networks, volumes } = await left()
    for (const { Id } of containers) await docker.getContainer(Id).remove({ force: true, v: true })
    for (const { Id } of networks) await docker.getNetwork(Id).remove()
    for (const { Name } of volumes) await docker.getVolume(Name).remove()
    return containers.length + networks.length + volumes.length === 0
  }
  await waitUntil('nothing of the stack to be left', removed, { deadlineMs: 120_000, everyMs: 250 })
  await rm(`/dev/shm/nora-${installation.slice(0, 8)}`, { recursive: true, force: true })
}
