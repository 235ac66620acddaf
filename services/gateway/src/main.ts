import { agentAddressPolicy, peerPolicy } from './addresses.ts'
import { startGateway } from './gateway.ts'
import { jsonLog } from './log.ts'
import { readSettings } from './settings.ts'

const EX_CONFIG = 78

const settings = readSettings(process.env)
if ('problems' in settings) {
  process.stderr.write(`${settings.problems.join('\n')}\n`)
  process.exit(EX_CONFIG)
}

const log = jsonLog(process.stdout)
const gateway = await startGateway({
  controlAddress: settings.controlAddress,
  controlPort: 7081,
  invokePort: 7082,
  capabilityKey: settings.capabilityKey,
  controlKey: settings.controlKey,
  allow: agentAddressPolicy(settings.pool),
  acceptPeer: peerPolicy(settings.pool),
  log,
})

const stop = async (signal: string) => {
  log('info', 'stopping', { signal })
  await gateway.stop(6_000)
  process.exit(0)
}
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
