import { setTimeout as delay } from 'node:timers/promises'
import { createGuard } from './guard.ts'
import { readSettings } from './settings.ts'
import { type GuardStatus, writeStatus } from './status.ts'

const EX_CONFIG = 78

const help = `usage: node services/netguard/src/main.ts [--once | --remove | --help]

Closes this host, private addresses, cloud metadata and other agents to the agents of one installation, with rules in the
table mangle, and puts them back whenever something changes them. Needs CAP_NET_ADMIN in the host's network namespace.

  --once    write the rules and end
  --remove  take the rules away and end (agents are open to the host then)

  NORA_INSTALLATION_ID     whose rules
  NORA_AGENT_NETWORK_POOL  the block from which agents' networks are cut
  NORA_STACK_NETWORK       the block of Nora's own containers, if it runs in some
  NORA_EGRESS_ALLOW        <address>:<port>[/udp],... that agents may reach all the same
  NORA_EGRESS_ALLOW_FILE   a file with more of them, read again while it runs
  NORA_NETGUARD_STATUS     where to write how it is, each second

It leaves the rules in place when it ends.
`

const [flag, ...rest] = process.argv.slice(2)
if (flag === '--help') {
  process.stdout.write(help)
  process.exit(0)
}
if (rest.length > 0 || (flag && flag !== '--once' && flag !== '--remove')) {
  process.stderr.write(`unknown option: ${[flag, ...rest].join(' ')}; see --help\n`)
  process.exit(2)
}

const settings = readSettings(process.env)
if ('problems' in settings) {
  for (const problem of settings.problems) process.stderr.write(`refusing to start: ${problem}\n`)
  process.exit(EX_CONFIG)
}

const log = (level: 'info' | 'warn' | 'error', msg: string, fields: object = {}) =>
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, msg, ...fields })}\n`)

const stopping = new AbortController()
process.once('SIGTERM', () => stopping.abort())
process.once('SIGINT', () => stopping.abort())
const guard = createGuard(settings)

if (flag) {
  const act = flag === '--once' ? guard.assert : guard.remove
  await act(stopping.signal).then(
    () => log('info', flag === '--once' ? 'the rules stand' : 'the rules are gone'),
    (error: Error) => {
      process.stderr.write(
        `${error.message}\n  fix: run it as root, or with CAP_NET_ADMIN, and install iptables\n`,
      )
      process.exitCode = 1
    },
  )
} else {
  await watch(settings.statusFile)
}

/** Looks each second until it is told to end. A turn that fails is told, shows in the status, and is tried again. */
async function watch(statusFile: string | undefined): Promise<void> {
  const status: GuardStatus = { ok: false, at: '', writtenAt: null, putBack: 0, rules: 0, reason: 'starting' }
  let told = ''
  const tell = (level: 'warn' | 'error', text: string) => {
    if (text && text !== told) log(level, text)
    told = text
  }
  while (!stopping.signal.aborted) {
    const at = new Date().toISOString()
    try {
      const turn = await guard.assert(stopping.signal)
      if (turn.wrote) {
        if (status.ok && turn.why === 'something else changed them') status.putBack++
        log('info', 'rules written', { why: turn.why, rules: turn.rules })
        Object.assign(status, { writtenAt: at, rules: turn.rules, reason: turn.why })
      }
      status.ok = true
      tell('warn', turn.fileProblem ?? '')
    } catch (error) {
      if (stopping.signal.aborted) break
      Object.assign(status, { ok: false, reason: (error as Error).message })
      tell('error', status.reason)
    }
    status.at = at
    if (statusFile) {
      await writeStatus(statusFile, status).catch((error: Error) =>
        tell('error', `no status: ${error.message}`),
      )
    }
    await delay(1_000, undefined, { signal: stopping.signal }).catch(() => undefined)
  }
  log('info', 'stopping; the rules stay')
}
