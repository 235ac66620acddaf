import { randomUUID } from 'node:crypto'
import { createLogger } from '@nora/log/logger'
import { createDeps } from '../deps.ts'
import { type RunningWorker, startWorker, type WorkerOptions } from '../start-worker.ts'
import { patientClocks, type WorkerFixture } from './worker-fixture.ts'

/** The whole worker inside the test's own process, so that a test can shorten its periods; the caller stops it. */
export async function workerInProcess(
  it: WorkerFixture,
  redisUrl: string,
  periods: WorkerOptions['periods'] = {},
  dockerHost = 'unix:///var/run/docker.sock',
): Promise<RunningWorker> {
  const deps = createDeps(
    {
      nodeEnv: 'test',
      production: false,
      databaseUrl: it.database.workerUrl,
      redisUrl,
      // The worker zeroes what it was given.
      encryptionKey: Buffer.from(it.encryptionKey),
      keyVersion: 1,
      encryptionKeysPrevious: [],
      encryptionKeysLost: [],
      capabilityPublicKeys: [it.capabilityPublicKey],
      publicUrl: undefined,
      installationId: it.installation,
      agentNetworkPool: it.pool,
      bind: '127.0.0.1',
      port: 0,
      url: undefined,
      dockerHost,
      images: { gateway: undefined, 'starter-agent': undefined },
      gatewayDial: 'published',
      // The tests' engine has no guard.
      hostGuard: 'off',
      netguardStatus: undefined,
      providerAllowHosts: [],
      allowPlaintextSecrets: false,
      keysDir: it.keysDir,
      dataDir: it.dataDir,
      logs: { keptBytes: 2 ** 26, keptDays: 14, totalBytes: 2 ** 33 },
      workerId: `worker-${randomUUID().slice(0, 8)}`,
      logLevel: 'info',
      errorReports: undefined,
    },
    createLogger({ service: 'worker', level: 'silent' }),
  )
  const worker = await startWorker(
    { ...deps, clocks: patientClocks },
    {
      redisUrl,
      redisPrefix: 'nora',
      internal: { bind: '127.0.0.1', port: 0, url: undefined },
      periods,
    },
  )
  return {
    ...worker,
    async stop() {
      await worker.stop()
      await deps.db.destroy()
    },
  }
}
