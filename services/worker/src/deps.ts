import { join } from 'node:path'
import type { WorkerConfig } from '@nora/config/worker'
import { type AuditKey, deriveAuditKey } from '@nora/crypto/audit-chain'
import type { AcceptedKeys } from '@nora/crypto/capability'
import { deriveKey, deriveSealing } from '@nora/crypto/keys'
import { connect } from '@nora/db/connect'
import { type Bells, openBells } from '@nora/events/bells'
import type { Logger } from '@nora/log/logger'
import { type RelyingParty, relyingPartyOf } from '@nora/passkeys/relying-party'
import type Docker from 'dockerode'
import { Redis } from 'ioredis'
import { dockerBackend } from './backends/docker/backend.ts'
import { openDocker } from './backends/docker/open-docker.ts'
import { dockerGateways } from './dataplane/docker-gateways.ts'
import { type KeptGateways, keepGateways } from './dataplane/keep-gateways.ts'
import { type HostGuard, hostGuard } from './host-guard/host-guard.ts'
import { ownImages } from './images/own-images.ts'
import { turnstiles } from './operations/limits.ts'
import { localImages } from './operations/local-images.ts'
import type { RunDeps } from './operations/run.ts'
import { lacksKeyWords } from './operations/words.ts'
import { type RotationKeys, rotationKeys } from './rotation/rotation-keys.ts'
import { deliverKeys } from './secrets/deliver-keys.ts'
import { scrubWords } from './secrets/given-scrubber.ts'
import type { Keyring } from './secrets/open-secret.ts'
import { testKey } from './secrets/test-key.ts'

/** Everything a worker works with, made once from its configuration. */
export type WorkerDeps = Omit<RunDeps, 'logs' | 'changed'> & {
  dataplane: KeptGateways
  /** Holds starts back while this host is open to its agents. */
  guard: HostGuard
  bells: Bells
  docker: Docker
  /** The current key first, then those that old rows are still sealed with. */
  keyring: Keyring
  rotation: RotationKeys
  /** Versions of keys that the operator has given up. */
  lostKeys?: readonly number[]
  /** Of the api's capabilities. */
  capabilityPublicKey: AcceptedKeys
  /** For whom passkeys sign; undefined: this worker confirms none. */
  relyingParty: RelyingParty | undefined
  /** What is kept of agents' logs. */
  kept: WorkerConfig['logs']
  /** What seals and signs the audit's chain: the present key first. */
  auditKeys: readonly AuditKey[]
  /** Where the audit's chain is written down outside the database. */
  auditFolder: string
}

/** Engine calls in flight: two creates are the knee on two cores, the rest is light. */
const engineCalls = { creates: 2, others: 8 }

/** Wires the parts. The encryption keys in `config` are zeroed: from here on only what was derived from them is left. */
export function createDeps(config: WorkerConfig, log: Logger): WorkerDeps {
  const { installationId: installation, agentNetworkPool: pool, workerId, keysDir, dataDir } = config
  const { keyring, rotation, controlSeed, auditKeys } = deriveKeys(config)
  const db = connect({
    databaseUrl: config.databaseUrl,
    applicationName: 'nora-worker',
    max: 20,
    onError: (error) => log.warn({ err: error }, 'a database connection was lost'),
  })
  const docker = openDocker(config.dockerHost.replace(/^unix:\/\//, ''))
  const backend = dockerBackend({ docker, installation, pool, keysDir, dataDir, log })
  const { capabilityPublicKeys: capabilityPublicKey } = config
  const image = ownImages(docker, config.images)
  const gateways = { image, dial: config.gatewayDial, capabilityPublicKey, controlSeed }
  const engine = dockerGateways({ docker, installation, pool, ...gateways })
  const dataplane = keepGateways({ db, log, workerId, pool, engine })
  const guard = hostGuard({
    ...{ mode: config.hostGuard, statusFile: config.netguardStatus, pool, log },
    ...{ onHost: config.gatewayDial === 'published', reach: dataplane.reach },
  })
  const relyingParty = config.publicUrl === undefined ? undefined : relyingPartyOf(config.publicUrl)
  const secrets = { db, log, keyring, backend, relyingParty, allowHosts: config.providerAllowHosts }
  return {
    db,
    log,
    workerId,
    installation,
    pool,
    docker,
    backend,
    keyring,
    rotation,
    lostKeys: config.encryptionKeysLost,
    capabilityPublicKey,
    relyingParty,
    kept: config.logs,
    auditKeys,
    auditFolder: join(dataDir, 'audit'),
    images: localImages(image),
    bells: bellsOver(config.redisUrl, log),
    dataplane,
    guard,
    startsHeld: guard.startsHeld,
    keys: {
      async deliver(actor, target, signal) {
        const { problem } = await deliverKeys(secrets, actor, target, signal)
        return problem ? { problem: lacksKeyWords(problem.reason) } : {}
      },
      remove: (target, signal) => backend.removeSecrets(target, signal),
      test: (actor, signal) => testKey(secrets, actor, signal),
      scrub: (actor, agentId, lines) => scrubWords(secrets, actor, agentId, lines),
    },
    turnstiles: turnstiles(engineCalls),
  }
}

/** Bells may be lost: while Redis is away they are, and the polls go on. */
function bellsOver(redisUrl: string, log: Logger): Bells {
  const connection = new Redis(redisUrl, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    retryStrategy: (times) => Math.min(times * 100, 2_000),
  })
  const onError = (error: unknown) => log.debug({ err: error }, 'a bell was lost')
  connection.on('error', onError)
  const bells = openBells(connection, onError)
  return {
    ...bells,
    close() {
      bells.close()
      connection.disconnect()
    },
  }
}

function deriveKeys(config: WorkerConfig) {
  const { encryptionKey, keyVersion, encryptionKeysPrevious: previous } = config
  const keys = [
    deriveSealing(encryptionKey, keyVersion).openKey,
    ...previous.map(({ key, version }) => deriveSealing(key, version).openKey),
  ]
  const rotation = rotationKeys({ version: keyVersion, key: encryptionKey }, previous)
  const controlSeed = deriveKey(encryptionKey, 'gateway-control')
  const auditKeys = [encryptionKey, ...previous.map((one) => one.key)].map(deriveAuditKey)
  for (const key of [encryptionKey, ...previous.map((one) => one.key)]) key.fill(0)
  const keyring: Keyring = { keys, allowPlaintext: config.allowPlaintextSecrets }
  return { keyring, rotation, controlSeed, auditKeys }
}
