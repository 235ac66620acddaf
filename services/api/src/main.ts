import { flushCompileCache } from 'node:module'
import { type ApiConfig, loadApiConfig } from '@nora/config/api'
import { loadOrRefuse, refusedExitCode } from '@nora/config/boot'
import type { ErrorReports } from '@nora/config/error-reports'
import { derivedPepper } from '@nora/crypto/hub-keys'
import { parseSealKey, type SealKey } from '@nora/crypto/keys'
import { connect } from '@nora/db/connect'
import { createLogger } from '@nora/log/logger'
import { operationsDoorbell } from '@nora/queue/operations'
import { buildApp } from './app.ts'
import { recordSettings } from './audit/report.ts'
import type { Deps } from './deps.ts'
import { giveMemoryBack } from './give-memory-back.ts'
import { apiProof } from './oauth/api-proof.ts'
import { connectQueue, connectRedis } from './redis.ts'

const closeDeadlineMs = 9_000
/** Answers that have no end (an agent's event stream) are cut off after this. */
const cutStreamsMs = 5_000

const config = loadOrRefuse(loadApiConfig, process.env)
const sealKey = sealKeyOrRefuse(config)
const reporter = config.errorReports && (await reporterTo(config.errorReports))
const log = createLogger({ service: 'api', level: config.logLevel, onError: reporter?.report })
const db = connect({
  databaseUrl: config.databaseUrl,
  applicationName: 'nora-api',
  max: 20,
  onError: (error) => log.warn({ err: error }, 'a database connection was lost'),
})
const redis = connectRedis(config.redisUrl, log)
const queueConnection = connectQueue(config.redisUrl, log)
const queue = operationsDoorbell(queueConnection, 'nora')
queue.on('error', () => undefined) // its connection has said so already

const deps: Deps = {
  config,
  db,
  redis,
  queue,
  log,
  clock: Date.now,
  sealKey,
  capabilitySeed: config.capabilityPrivateKey,
  capabilitySeedsBefore: config.capabilityPrivateKeysBefore,
  hubPeppers: hubPeppersOf(config),
}
if (reporter) (await import('@nora/error-reports/crash')).reportCrash(reporter, log)
const app = await buildApp(deps)
const stopping = new AbortController()

let closing = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (!closing) void close(signal)
    closing = true
  })
}

try {
  await app.listen({ host: config.bind, port: config.port })
} catch (error) {
  log.fatal({ err: error }, `api cannot listen on ${config.bind}:${config.port} (NORA_BIND, NORA_PORT)`)
  process.exit(1)
}
log.info({ publicUrl: config.publicUrl }, 'api is listening')
void recordSettings(deps, stopping.signal)
// Early, so that nobody else is the first. Whoever needs it tries again.
apiProof(deps).catch((error) =>
  log.warn({ err: error }, 'the proof for sign-in is not known to the database yet'),
)
// Now, and not at its end: a killed process would leave nothing to start from.
flushCompileCache()
// When whoever waits for it has been told that it is ready.
setTimeout(giveMemoryBack, 2_000).unref()

/** No new calls, the open ones finish, then the connections; past the deadline the process ends anyway. */
async function close(signal: string): Promise<void> {
  log.info({ signal }, 'api is stopping')
  stopping.abort()
  const late = setTimeout(() => {
    log.error('api did not stop in time')
    process.exit(1)
  }, closeDeadlineMs)
  late.unref()
  const cut = setTimeout(() => app.server.closeAllConnections(), cutStreamsMs)
  await app.close()
  clearTimeout(cut)
  await queue.close()
  queueConnection.disconnect()
  redis.disconnect()
  await db.destroy()
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

/** Installations from before peppers stood by themselves have what follows from their capability keys. */
function hubPeppersOf({
  hubPeppers,
  capabilityPrivateKey,
  capabilityPrivateKeysBefore,
}: ApiConfig): Buffer[] {
  if (hubPeppers.length > 0) return [...hubPeppers]
  return [capabilityPrivateKey, ...capabilityPrivateKeysBefore].map(derivedPepper)
}

function sealKeyOrRefuse({ sealKey: text }: ApiConfig): SealKey {
  try {
    return parseSealKey(text)
  } catch {
    process.stderr.write(
      'refusing to start: NORA_SEAL_KEY is not a canonical nsk1 key: derive it from ENCRYPTION_KEY with `./setup.sh`\n',
    )
    process.exit(refusedExitCode)
  }
}
