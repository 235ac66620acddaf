import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { findProgram } from '@nora/embedded/find-program'
import type { Layout } from '../layout.ts'
import { waitUntilReady } from '../start.ts'
import { askSupervisor } from '../status-socket.ts'

const stopMs = 70_000

/**
 * Stops what runs (agents stay up) and starts it anew. The work is done by a process of its own, so that whoever is killed while
 * waiting here leaves a server that comes up. Throws when it does not become ready.
 */
export async function restart(layout: Layout, main: string, say: (line: string) => void): Promise<void> {
  const before = await askSupervisor(layout.statusSocket, 'status')
  const setsid = findProgram('setsid')
  if (!setsid) throw new Error('setsid is missing: run `apt-get install util-linux`')
  const where = ['--code', layout.code, ...(layout.prefix === undefined ? [] : ['--prefix', layout.prefix])]
  const args = [process.execPath, '--disable-sigusr1', main, ...where, 'restart-now']
  spawn(setsid, args, { detached: true, stdio: 'ignore', cwd: '/' }).unref()
  const deadline = Date.now() + stopMs
  while (before && (await askSupervisor(layout.statusSocket, 'status'))?.pid === before.pid) {
    if (Date.now() > deadline) throw new Error(`what runs does not stop: read ${layout.logs}/supervisor.log`)
    await delay(100)
  }
  await waitUntilReady(layout, say)
}
