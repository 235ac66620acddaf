import { createHash } from 'node:crypto'
import { BackendError } from '../backend.ts'

/** The labels by which Nora knows its own objects in an engine; a name alone proves nothing. */
export const label = {
  installation: 'com.nora.installation',
  workspace: 'com.nora.workspace',
  agent: 'com.nora.agent',
  generation: 'com.nora.generation',
  spec: 'com.nora.spec',
  role: 'com.nora.role',
} as const

export type Role = 'agent' | 'gateway' | 'control' | 'network' | 'volume' | 'hand-over'

/** Whose an object is; a whole `Target` is one. */
export type Owner = { installation: string; agentId: string }

export type ObjectNames = {
  container: string
  network: string
  volume: string
  /** The container, never started, through which files get an owner that this process may not give them. */
  handOver: string
}

/** The first eight hexadecimal digits of the installation's id: what the names of its objects begin with. */
export function installationPrefix(installation: string): string {
  return `nora-${installation.replaceAll('-', '').slice(0, 8)}`
}

/** The two names that a listing of a thousand compares; the id is whatever a label says, for comparing alone. */
export function namesIn(installation: string) {
  const prefix = installationPrefix(installation)
  return {
    container: (agentId: string | undefined) => `${prefix}-agent-${agentId}`,
    network: (agentId: string | undefined) => `${prefix}-net-${agentId}`,
  }
}

/** The names of one agent's objects. Throws `container-invalid` for an id that is not a UUID: names become paths. */
export function objectNames(installation: string, agentId: string): ObjectNames {
  requireAgentId(agentId)
  const prefix = installationPrefix(installation)
  const { container, network } = namesIn(installation)
  return {
    container: container(agentId),
    network: network(agentId),
    volume: `${prefix}-vol-${agentId}`,
    handOver: `${prefix}-hand-over-${agentId}`,
  }
}

/**
 * The name of the Linux bridge of an agent's network; at most 15 characters (IFNAMSIZ). Another one with other addresses:
 * an engine that lost a network may keep both from everybody.
 */
export function bridgeName({ installation, agentId }: Owner, subnet: string): string {
  const digest = createHash('sha256').update(`${installation}/${agentId}/${subnet}`).digest('hex')
  return `nr-${digest.slice(0, 12)}`
}

/** Whether it is a lower-case UUID, as every agent's id is. */
export const isAgentId = (text: string | undefined): text is string =>
  text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

/** Throws `container-invalid` unless the id is a lower-case UUID; it becomes part of names and host paths. */
export function requireAgentId(agentId: string): void {
  if (isAgentId(agentId)) return
  throw new BackendError('container-invalid', 'The id of the agent is not a UUID.', { retry: false })
}

/** The labels of one of an agent's objects that outlive a redeploy. */
export function ownerLabels(
  target: { installation: string; workspaceId: string; agentId: string },
  role: Role,
): Record<string, string> {
  return {
    [label.installation]: target.installation,
    [label.workspace]: target.workspaceId,
    [label.agent]: target.agentId,
    [label.role]: role,
  }
}

/** Whether labels say: this installation's, this agent's, in this role. Everything else is foreign. */
export function isOurs(labels: Record<string, string> | null | undefined, owner: Owner, role: Role): boolean {
  return (
    labels?.[label.installation] === owner.installation &&
    labels[label.agent] === owner.agentId &&
    labels[label.role] === role
  )
}
