import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram } from '@nora/embedded/find-program'
import { readInstallation } from './installation.ts'
import { statusLine } from './keep-running.ts'
import { type Layout, setupCommand } from './layout.ts'
import { needsPassphrase } from './secrets/open-key.ts'
import { askPassphrase, passphraseQuestion } from './secrets/passphrase.ts'
import { askSupervisor, type Command, type SupervisorStatus } from './status-socket.ts'

const startDeadlineMs = 240_000

type Say = (line: string) => void

/** Starts a supervisor that outlives this command, unless one runs, and waits until everything is ready. */
export async function start(layout: Layout, main: string, say: Say): Promise<SupervisorStatus> {
  const running = await askSupervisor(layout.statusSocket, 'status')
  if (running?.ready) return running
  if (!running) {
    const options = [
      '--code',
      layout.code,
      ...(layout.prefix === undefined ? [] : ['--prefix', layout.prefix]),
    ]
    const node = [process.execPath, '--disable-sigusr1', main, ...options, 'up']
    // A session of its own: closing the terminal must not end it.
    const setsid = findProgram('setsid')
    if (!setsid) throw new Error('setsid is missing: run `apt-get install util-linux`')
    const env = { ...process.env, NODE_COMPILE_CACHE: join(layout.data, 'cache/supervisor') }
    const { files } = await readInstallation(layout)
    const passphrase = needsPassphrase(files.worker) ? await askPassphrase(passphraseQuestion) : undefined
    if (passphrase !== undefined) node.push('--passphrase-from-stdin')
    const input = passphrase === undefined ? 'ignore' : 'pipe'
    const child = spawn(setsid, node, { detached: true, stdio: [input, 'ignore', 'ignore'], cwd: '/', env })
    child.stdin?.end(passphrase)
    child.unref()
  }
  return waitUntilReady(layout, say)
}

/** Follows a starting supervisor, saying each new step. Throws with its reason when it fails, or waits for somebody to act. */
export async function waitUntilReady(layout: Layout, say: Say): Promise<SupervisorStatus> {
  const deadline = Date.now() + startDeadlineMs
  let told = ''
  let seen = false
  while (Date.now() < deadline) {
    const status = await askSupervisor(layout.statusSocket, 'status')
    const hopeless = status?.failed ?? status?.blocked
    if (hopeless) throw new Error(hopeless)
    if (status?.ready) return status
    if (seen && !status) break
    if (status && status.step !== told) {
      told = status.step
      say(told)
    }
    seen ||= status !== undefined
    if (!seen && Date.now() > deadline - startDeadlineMs + 60_000) break
    await delay(100)
  }
  throw new Error(`not ready (${told || 'it said nothing'}): read the logs in ${layout.logs}`)
}

/** Stops the supervisor and waits until it has ended. False when none was running. */
export async function stop(layout: Layout, command: Extract<Command, 'stop' | 'pause'>): Promise<boolean> {
  const status = await askSupervisor(layout.statusSocket, command)
  if (!status) return false
  const deadline = Date.now() + 120_000
  while (await askSupervisor(layout.statusSocket, 'status')) {
    if (Date.now() > deadline) {
      throw new Error(`the supervisor (pid ${status.pid}) does not stop: read ${layout.logs}/supervisor.log`)
    }
    await delay(100)
  }
  return true
}

/** The status as a table for people; each line ends with the reason. */
export function formatStatus(layout: Layout, status: SupervisorStatus | undefined): string {
  if (!status) return `not running: start it with ${setupCommand(layout)}`
  const rows = status.processes.map(statusLine)
  const head = status.ready ? `ready at ${status.url}` : `not ready: ${status.failed ?? status.step}`
  return [`${head} (supervisor pid ${status.pid})`, ...rows].join('\n')
}
