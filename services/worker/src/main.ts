import { loadOrRefuse } from '@nora/config/boot'
import { loadWorkerConfig } from '@nora/config/worker'
import { createLogger } from '@nora/log/logger'
import { createDeps } from './deps.ts'
import { startWorker } from './start-worker.ts'

const stopDeadlineMs = 9_500

const config = loadOrRefuse(loadWorkerConfig, process.env)
const log = createLogger({ service: 'worker', level: config.logLevel })
const deps = createDeps(config, log)
const worker = startWorker(deps, {
  redisUrl: config.redisUrl,
  redisPrefix: 'nora',
  internalUrl: config.url ?? '',
})
log.info({ workerId: config.workerId }, 'worker is working')

let stopping = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (!stopping) void stop(signal)
    stopping = true
  })
}

/** Leases back, loops ended, connections closed; past the deadline the process ends anyway. */
async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'worker is stopping')
  const late = setTimeout(() => {
    log.error('the worker did not stop in time')
    process.exit(1)
  }, stopDeadlineMs)
  late.unref()
  await worker.stop()
  await deps.db.destroy()
  process.exit(0)
}
