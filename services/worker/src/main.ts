import { flushCompileCache } from 'node:module'
import { loadOrRefuse, refusedExitCode } from '@nora/config/boot'
import type { ErrorReports } from '@nora/config/error-reports'
import { loadWorkerConfig } from '@nora/config/worker'
import { recordConfiguration } from '@nora/db/audit-report'
import { createLogger } from '@nora/log/logger'
import { settingsOf } from './audit/settings.ts'
import { createDeps } from './deps.ts'
import { KeysMissing } from './rotation/required-keys.ts'
import { type RunningWorker, startWorker } from './start-worker.ts'

const stopDeadlineMs = 9_500

const config = loadOrRefuse(loadWorkerConfig, process.env)
const reporter = config.errorReports && (await reporterTo(config.errorReports))
const log = createLogger({ service: 'worker', level: config.logLevel, onError: reporter?.report })
if (reporter) (await import('@nora/error-reports/crash')).reportCrash(reporter, log)
const deps = createDeps(config, log)
let worker: RunningWorker | undefined
let stopping = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (!stopping) void stop(signal)
    stopping = true
  })
}

worker = await startOrRefuse({
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

/** Without a key that stored secrets need nothing changes by trying again: the exit code says so. */
async function startOrRefuse(options: Parameters<typeof startWorker>[1]): Promise<RunningWorker> {
  try {
    return await startWorker(deps, options)
  } catch (error) {
    if (!(error instanceof KeysMissing)) throw error
    process.stderr.write(`refusing to start: ${error.message}\n`)
    return process.exit(refusedExitCode)
  }
}

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
  await reporter?.flush(500)
  process.exit(0)
}

/** Loaded only when the operator asked for it. */
async function reporterTo(to: ErrorReports) {
  const { createReporter } = await import('@nora/error-reports/reporter')
  return createReporter({
    to,
    environment: config.nodeEnv,
    onLost: (reason) => log.warn({ reason }, 'error reports are being lost'),
  })
}
