import { startAgent } from './agent.ts'
import { jsonLog } from './log.ts'

const log = jsonLog(process.stdout)

// A sync may signal us at any time: without a listener SIGHUP ends the process.
let asked = false
let reload = () => {
  asked = true
}
process.on('SIGHUP', () => reload())

const agent = await startAgent({
  host: '0.0.0.0',
  port: Number(process.env['PORT'] ?? 8080),
  keysFile: process.env['KEYS_FILE'] ?? '/run/nora/keys.json',
  name: process.env['AGENT_NAME'] ?? 'Starter agent',
  log,
})
reload = agent.reload
if (asked) reload()

const stop = async (signal: string) => {
  log('info', 'stopping', { signal })
  await agent.stop(7_000) // the container is killed 10 s after SIGTERM
  log('info', 'stopped')
  process.exit(0)
}
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
