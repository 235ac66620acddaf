import { engineCall } from '@nora/embedded/engine-call'
import type { Installation } from './installation.ts'

/**
 * Removes the containers and networks that carry this installation's label, and with `purge` its volumes; says each, and what could
 * not be removed or asked for, with the command that shows what is left. False when a container may be left: agents may still run then.
 */
export async function removeDockerObjects(
  { engineSocket, id }: Installation,
  { purge, signal, say }: { purge: boolean; signal: AbortSignal; say: (line: string) => void },
): Promise<boolean> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`com.nora.installation=${id}`] }))
  const call = (method: 'GET' | 'DELETE', path: string) =>
    engineCall({ socketPath: engineSocket, method, path, signal, timeoutMs: 60_000 })
  const list = async <T>(kind: string, path: string): Promise<T | undefined> => {
    const answer = await call('GET', `${path}filters=${filters}`)
    if (answer?.status === 200 && isList(answer.body)) return answer.body as T
    const reason = answer ? `answers ${JSON.stringify(answer.body)}` : 'does not answer'
    const look = `docker ${kind} ls ${kind === 'container' ? '--all ' : ''}--filter label=com.nora.installation=${id}`
    say(`could not remove ${kind}s: the engine ${reason}; \`${look}\` shows what is left`)
    return undefined
  }
  const remove = async (kind: string, name: string, path: string) => {
    const answer = await call('DELETE', path)
    const done = answer && (answer.status < 300 || answer.status === 404)
    say(
      done ? `removed ${kind} ${name}` : `could not remove ${kind} ${name}: ${JSON.stringify(answer?.body)}`,
    )
    return done === true
  }
  const containers = await list<{ Id: string; Names: string[] }[]>('container', '/containers/json?all=1&')
  let gone = containers !== undefined
  for (const one of containers ?? []) {
    if (!(await remove('container', one.Names[0] ?? one.Id, `/containers/${one.Id}?force=1`))) gone = false
  }
  for (const one of (await list<{ Id: string; Name: string }[]>('network', '/networks?')) ?? []) {
    await remove('network', one.Name, `/networks/${one.Id}`)
  }
  if (!purge) return gone
  const volumes = await list<{ Volumes?: { Name: string }[] | null }>('volume', '/volumes?')
  for (const one of volumes?.Volumes ?? []) await remove('volume', one.Name, `/volumes/${one.Name}?force=1`)
  return gone
}

/** What the engine lists: an array, or of volumes an object with one in it. Anything else says nothing of what is there. */
const isList = (body: unknown): boolean =>
  Array.isArray(body) || (typeof body === 'object' && body !== null && 'Volumes' in body)
