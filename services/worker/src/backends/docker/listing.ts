import { BackendError, type ListedContainer } from '../backend.ts'
import type { Engine } from './engine.ts'
import { removeById } from './hand-over.ts'
import { label, namesIn } from './names.ts'
import { statusOf } from './observe.ts'

/** Every agent's container of this installation, running or not, also one that somebody renamed. One call. */
export async function listContainers(engine: Engine, signal: AbortSignal): Promise<ListedContainer[]> {
  const labels = [`${label.installation}=${engine.installation}`, `${label.role}=agent`]
  const found = await engine.call('listing containers', signal, (abortSignal) =>
    engine.docker.listContainers({ all: true, filters: { label: labels }, abortSignal }),
  )
  const names = namesIn(engine.installation)
  return found.map((one) => ({
    containerId: one.Id,
    name: (one.Names[0] ?? '').replace(/^\//, ''),
    renamed: one.Names[0] !== `/${names.container(one.Labels[label.agent])}`,
    ip: one.NetworkSettings?.Networks[names.network(one.Labels[label.agent])]?.IPAddress || null,
    agentId: one.Labels[label.agent] ?? '',
    workspaceId: one.Labels[label.workspace] ?? '',
    generation: Number(one.Labels[label.generation] ?? 0),
    specHash: one.Labels[label.spec] ?? '',
    status: statusOf(one.State),
  }))
}

/**
 * Removes one container of this installation by its id; one that is gone is fine. Looks at its labels again first:
 * `name-taken` when they do not say that it is this installation's agent.
 */
export async function removeOrphan(
  engine: Engine,
  container: ListedContainer,
  signal: AbortSignal,
): Promise<void> {
  const found = await engine.call(
    'looking at an orphan',
    signal,
    (abortSignal) => engine.docker.getContainer(container.containerId).inspect({ abortSignal }),
    { ignore: [404] },
  )
  if (!found) return
  const { Labels: labels } = found.Config
  const ours =
    found.Id === container.containerId &&
    labels?.[label.installation] === engine.installation &&
    labels[label.role] === 'agent'
  if (!ours) {
    const message = `Container ${found.Name.replace(/^\//, '')} is not of this installation; it is left alone.`
    throw new BackendError('name-taken', message, { retry: false })
  }
  await removeById(engine, found.Id, signal)
}
