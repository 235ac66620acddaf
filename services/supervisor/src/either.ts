import { stackStatus, stopStack } from './compose/look-after.ts'
import { type Installation, readInstallation } from './installation.ts'
import type { Layout } from './layout.ts'
import { formatStatus, stop } from './start.ts'
import { askSupervisor, type Command } from './status-socket.ts'

// What is asked of an installation of either shape: the supervisor's processes, or the stack's containers.

const ofCompose = async (layout: Layout): Promise<Installation | undefined> => {
  const installation = await readInstallation(layout).catch(() => undefined) // never installed: nothing runs
  return installation?.mode === 'compose' ? installation : undefined
}

/** The status as a table for people, and whether everything is ready. */
export async function statusOfEither(
  layout: Layout,
  signal: AbortSignal,
): Promise<{ ready: boolean; text: string }> {
  const stack = await ofCompose(layout)
  if (stack) return stackStatus(stack, signal)
  const status = await askSupervisor(layout.statusSocket, 'status')
  return { ready: status?.ready === true, text: formatStatus(layout, status) }
}

/** Stops it and waits until it has ended. False when nothing ran. Agents in containers go on, unless their engine is ours. */
export async function stopEither(
  layout: Layout,
  command: Extract<Command, 'stop' | 'pause'>,
  signal: AbortSignal,
): Promise<boolean> {
  const stack = await ofCompose(layout)
  return stack ? stopInstallation(stack, command, signal) : stop(layout, command)
}

/** The same of an installation whose files have been read. */
export const stopInstallation = (
  installation: Installation,
  command: Extract<Command, 'stop' | 'pause'>,
  signal: AbortSignal,
): Promise<boolean> =>
  installation.mode === 'compose' ? stopStack(installation, signal) : stop(installation.layout, command)
