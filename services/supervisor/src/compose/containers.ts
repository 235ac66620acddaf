import { engineCall } from '@nora/embedded/engine-call'
import type { Installation } from '../installation.ts'
import type { ProcessState, ProcessStatus } from '../keep-running.ts'

/** What `docker inspect` says of a container, as far as its state goes. */
export type StackContainer = {
  Id: string
  RestartCount: number
  Config: { Labels: Record<string, string> | null }
  State: {
    Status: string
    Running: boolean
    Pid: number
    ExitCode: number
    Error: string
    StartedAt: string
    FinishedAt: string
    Health?: { Status: string; Log?: { End: string; Output: string }[] | null }
  }
}

/** What Compose calls the stack of an installation: the start of every name that it makes. */
export const projectOf = ({ id }: Pick<Installation, 'id'>): string => `nora-${id.slice(0, 8)}`

/** What docker-compose.yml starts; a test compares. */
export const stackServices = [
  ...[
    'nginx',
    'console',
    'admin',
    'api',
    'worker',
    'engine-proxy',
    'netguard',
    'migrate',
    'postgres',
    'redis',
  ],
]

export const serviceOf = (one: StackContainer): string =>
  one.Config.Labels?.['com.docker.compose.service'] ?? ''

/** What a list of the engine's is held to: one label. */
export const withLabel = (label: string): string =>
  `filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`

/** The stack's containers, running or not, by service. Throws when the engine does not say which there are. */
export async function stackContainers(
  installation: Installation,
  signal: AbortSignal,
): Promise<StackContainer[]> {
  const get = async <T>(path: string): Promise<T | undefined> => {
    const call = {
      socketPath: installation.engineSocket,
      method: 'GET',
      path,
      signal,
      timeoutMs: 60_000,
    } as const
    const answer = await engineCall(call)
    if (answer === undefined) throw new Error(`no engine answers on ${installation.engineSocket}`)
    return answer.status === 200 ? (answer.body as T) : undefined // 404: it was removed meanwhile
  }
  const label = `com.docker.compose.project=${projectOf(installation)}`
  const listed = await get<{ Id: string }[]>(`/containers/json?all=1&${withLabel(label)}`)
  if (!Array.isArray(listed))
    throw new Error(`the engine on ${installation.engineSocket} does not say which containers there are`)
  const found = await Promise.all(listed.map(({ Id }) => get<StackContainer>(`/containers/${Id}/json`)))
  return found
    .filter((one) => one !== undefined)
    .sort((one, other) => serviceOf(one).localeCompare(serviceOf(other)))
}

/** A container as a line of the status: the same words as for a process of the embedded shape. Pure. */
export function statusOf(one: StackContainer): ProcessStatus {
  const { State, RestartCount } = one
  const common = { name: serviceOf(one), restarts: RestartCount }
  if (!State.Running) {
    const done = serviceOf(one) === 'migrate' && State.ExitCode === 0
    const reason = done
      ? 'has done its work'
      : `ended with ${State.ExitCode}${State.Error && `: ${State.Error}`}`
    return {
      ...common,
      state: State.Status === 'created' ? 'waiting' : 'stopped',
      pid: null,
      since: State.FinishedAt,
      reason,
    }
  }
  const health = State.Health?.Status ?? 'running'
  const last = State.Health?.Log?.at(-1)?.Output.trim()
  const state: ProcessState =
    State.Status === 'restarting' ? 'waiting' : health === 'starting' ? 'starting' : 'running'
  const reason = health === 'unhealthy' && last ? `unhealthy: ${last.slice(0, 200)}` : health
  return { ...common, state, pid: State.Pid, since: State.StartedAt, reason }
}

/** Whether a line of the status is as it should be. */
export const isWell = (one: ProcessStatus): boolean =>
  one.reason === 'healthy' || one.reason === 'has done its work'
