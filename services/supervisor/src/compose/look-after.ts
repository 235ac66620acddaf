import { engineCall } from '@nora/embedded/engine-call'
import type { Installation } from '../installation.ts'
import { statusLine } from '../keep-running.ts'
import { setupCommand } from '../layout.ts'
import { isWell, projectOf, serviceOf, stackContainers, statusOf, withLabel } from './containers.ts'

type Say = (line: string) => void

/** The stack as a table for people, and whether all of it is well. */
export async function stackStatus(
  installation: Installation,
  signal: AbortSignal,
): Promise<{ ready: boolean; text: string }> {
  const rows = (await stackContainers(installation, signal)).map(statusOf)
  const running = rows.filter(({ state }) => state !== 'stopped')
  if (running.length === 0) {
    return { ready: false, text: `not running: start it with ${setupCommand(installation.layout)}` }
  }
  const ill = rows.filter((one) => !isWell(one)).map(({ name }) => name)
  const head = ill.length === 0 ? `ready at ${installation.publicUrl}` : `not ready: ${ill.join(', ')}`
  const lines = rows.map(statusLine)
  return {
    ready: ill.length === 0,
    text: [`${head} (containers of ${projectOf(installation)})`, ...lines].join('\n'),
  }
}

/** Who asks first, whom they ask last: nobody is left with half a request. */
const order = [
  ['nginx'],
  ['console', 'admin', 'api', 'worker'],
  ['engine-proxy', 'netguard', 'migrate', 'redis'],
  ['postgres'],
]

/**
 * Stops the stack's containers in order, each with the time that it was given to end; they stay, and so do agents and their
 * gateways. False when none ran. Throws, naming the container, when the engine refuses.
 */
export async function stopStack(installation: Installation, signal: AbortSignal): Promise<boolean> {
  const running = (await stackContainers(installation, signal)).filter(({ State }) => State.Running)
  const named = order.flat()
  for (const turn of [...order, running.map(serviceOf).filter((name) => !named.includes(name))]) {
    await Promise.all(
      running
        .filter((one) => turn.includes(serviceOf(one)))
        .map(async (one) => {
          const answer = await engineCall({
            ...{ socketPath: installation.engineSocket, method: 'POST', path: `/containers/${one.Id}/stop` },
            ...{ signal, timeoutMs: 90_000 },
          })
          if (!answer || answer.status >= 400)
            throw new Error(`${serviceOf(one)} does not stop: ${JSON.stringify(answer?.body)}`)
        }),
    )
  }
  return running.length > 0
}

/**
 * Removes the stack's containers, networks and volumes, by Compose's own label of this project and nothing else; the images stay, since
 * they hold nothing of the installation and another one may run from them. False when a container is left. Throws when the engine does
 * not say which there are.
 */
export async function removeStack(
  installation: Installation,
  signal: AbortSignal,
  say: Say,
): Promise<boolean> {
  let gone = true
  const label = withLabel(`com.docker.compose.project=${projectOf(installation)}`)
  const call = (method: 'GET' | 'DELETE', path: string) =>
    engineCall({ socketPath: installation.engineSocket, method, path, signal, timeoutMs: 60_000 })
  const remove = async (kind: string, name: string, path: string) => {
    const answer = await call('DELETE', path)
    const done = answer && (answer.status < 300 || answer.status === 404)
    say(
      done ? `removed ${kind} ${name}` : `could not remove ${kind} ${name}: ${JSON.stringify(answer?.body)}`,
    )
    if (!done && kind === 'container') gone = false
  }
  for (const one of await stackContainers(installation, signal)) {
    await remove(
      'container',
      `${projectOf(installation)}-${serviceOf(one)}`,
      `/containers/${one.Id}?force=1&v=1`,
    )
  }
  const networks = await call('GET', `/networks?${label}`)
  for (const one of (networks?.body ?? []) as { Id: string; Name: string }[]) {
    await remove('network', one.Name, `/networks/${one.Id}`)
  }
  const volumes = await call('GET', `/volumes?${label}`)
  for (const one of (volumes?.body as { Volumes?: { Name: string }[] | null } | null)?.Volumes ?? []) {
    await remove('volume', one.Name, `/volumes/${one.Name}?force=1`)
  }
  return gone
}
