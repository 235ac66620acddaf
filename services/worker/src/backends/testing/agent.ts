import type { SecretFile } from '@nora/runtimes/runtime'
import { waitUntil } from '@nora/testing/wait-until'
import type { Backend, LogCursor, LogFrame, ObservedContainer, Target } from '../backend.ts'
import type { ContractFixture } from '../backend-contract.ts'

/** The bound of every step of a test. */
export const soon = (ms = 120_000) => AbortSignal.timeout(ms)

/** Takes the agent through every verb up to its start, as the reconciler does. */
export async function deploy(
  backend: Backend,
  target: Target,
  files: SecretFile[] = [],
): Promise<{ containerId: string; diskEnforced: boolean }> {
  const signal = soon()
  await backend.ensureImage(target, signal, () => undefined)
  await backend.ensureNetwork(target, signal)
  const { diskEnforced } = await backend.ensureStorage(target, signal)
  await backend.writeSecrets(target, files, signal)
  const { containerId } = await backend.ensureContainer(target, signal)
  await backend.start(target, signal)
  return { containerId, diskEnforced }
}

/** The agent's container as observed; throws when there is none or it is not ours. */
export async function container(backend: Backend, target: Target): Promise<ObservedContainer> {
  const { container: found } = await backend.observe(target, soon())
  if (typeof found === 'string' || 'foreign' in found) throw new Error(`no container of ours: ${found}`)
  return found
}

/** Waits until the agent's program has ended. */
export function ended(backend: Backend, target: Target): Promise<ObservedContainer> {
  const exited = async () => {
    const found = await container(backend, target)
    return found.status === 'exited' ? found : undefined
  }
  return waitUntil('the program to end', exited, { deadlineMs: 90_000 })
}

export async function removeAll(backend: Backend, target: Target): Promise<void> {
  const signal = soon()
  await backend.removeContainer(target, signal)
  await backend.removeNetwork(target, signal)
  await backend.removeStorage(target, signal)
  await backend.removeSecrets(target, signal)
}

/** All frames of a log until it ends. */
export async function allFrames(
  backend: Backend,
  containerId: string,
  after?: LogCursor,
): Promise<LogFrame[]> {
  const frames: LogFrame[] = []
  for await (const some of backend.logs(containerId, after, soon())) frames.push(...some)
  return frames
}

export type Ran = { target: Target; output: string; container: ObservedContainer; diskEnforced: boolean }

/** Runs a shell script as an agent until it ends, and gives all that it printed. Removes everything again. */
export async function runScript(
  { backend, target: newTarget }: ContractFixture,
  script: string,
  overrides: Partial<Target> = {},
  files: SecretFile[] = [],
): Promise<Ran> {
  // An engine keeps the order of what is printed within each of the two streams, not between them.
  const target = newTarget({ command: ['/bin/sh', '-c', `exec 2>&1; ${script}`], ...overrides })
  try {
    const { containerId, diskEnforced } = await deploy(backend, target, files)
    const frames = await allFrames(backend, containerId)
    return { target, output: textOf(frames), container: await ended(backend, target), diskEnforced }
  } finally {
    await removeAll(backend, target)
  }
}

/** What was printed, lines put together again from their pieces. */
export function textOf(frames: LogFrame[]): string {
  return frames.map((frame) => `${frame.text.toString('utf8')}${frame.partial ? '' : '\n'}`).join('')
}
