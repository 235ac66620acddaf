import { loadOrRefuse, refusedExitCode } from '@nora/config/boot'
import { loadEngineProxyConfig, loadProxySocket } from '@nora/config/engine-proxy'
import { createLogger } from '@nora/log/logger'
import { answers } from './check.ts'
import { keysMountProblem } from './keys-mount.ts'
import { openProxy } from './open-proxy.ts'

if (process.argv.includes('--check')) {
  process.exit((await answers(loadOrRefuse(loadProxySocket, process.env))) ? 0 : 1)
}

const config = loadOrRefuse(loadEngineProxyConfig, process.env)
const problem = keysMountProblem(config.keysDir)
if (problem !== undefined) {
  process.stderr.write(`refusing to start: NORA_KEYS_DIR ${problem}\n`)
  process.exit(refusedExitCode)
}
const log = createLogger({ service: 'engine-proxy', level: config.logLevel })
const proxy = await openProxy(config, log)
log.info({ socket: config.proxySocket, engine: config.engineSocket }, 'the engine’s proxy is listening')

let stopping = false
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (stopping) return
    stopping = true
    log.info({ signal, ...proxy.counts() }, 'the engine’s proxy is stopping')
    const late = setTimeout(() => process.exit(1), 5_000)
    late.unref()
    void proxy.stop().then(() => process.exit(0))
  })
}
