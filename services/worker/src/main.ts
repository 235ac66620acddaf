import { flushCompileCache } from 'node:module'
import { loadOrRefuse } from '@nora/config/boot'
import { loadWorkerConfig } from '@nora/config/worker'
import { recordConfiguration } from '@nora/db/audit-report'
import { createLogger } from '@nora/log/logger'
import { settingsOf } from './audit/settings.ts'
import { createDeps } from './deps.ts'
import { type RunningWorker, startWorker } from './start-worker.ts'

const stopDeadlineMs = 9_500

const config = loadOrRefuse(loadWorkerConfig, process.env)
const log = createLogger({ service: 'worker', level: config.logLevel })
const deps = createDeps(config, log)
let worker: RunningWorker | undefined
let stopping = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (!stopping) void stop(signal)
    stopping = true
  })
}

worker = await startWorker(deps, {
  redisUrl: config.redisUrl,
  redisPrefix: 'nora',
  internal: { bind: config.bind, port: config.port, url: config.url },
})
log.info({ workerId: config.workerId, url: worker.url }, 'worker is working')
recordConfiguration(deps.db, settingsOf(config)).catch((error) =>
  log.warn({ err: error }, 'the settings of this start were not audited'),
)
// Now, and not at its end: a killed process would leave nothing to start from.
flushCompileCache()

/** Leases back, loops ended, connections closed; past the deadline the process ends anyway. */
async function stop(signal: string): Promise<void> {
  log.info({ signal }, 'worker is stopping')
  const late = setTimeout(() => {
    log.error('the worker did not stop in time')
    process.exit(1)
  }, stopDeadlineMs)
  late.unref()
  await worker?.stop()
  await deps.db.destroy()
  process.exit(0)
}
