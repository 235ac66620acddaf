import { createHash } from 'node:crypto'
import type { AgentRow } from '@nora/db/worker-agents'
import { DomainError } from '@nora/domain/errors'
import { runtimeNamed } from '@nora/runtimes/catalog'
import type { AgentSpec, ImageSource } from '@nora/runtimes/runtime'
import type { Target } from '../backends/backend.ts'
import { agentNetwork } from './addresses.ts'

export type TargetSurroundings = {
  installation: string
  /** The address pool, and the agent's number in it. */
  pool: string
  slot: number
  /** The reference of the image that we assemble ourselves, for a runtime that has one. */
  localImage: string | undefined
}

export type LocalImageName = Extract<ImageSource, { kind: 'local' }>['name']

/** The image that this agent needs and that we assemble ourselves; undefined: its image comes from a registry. */
export function localImageOf(agent: AgentRow): LocalImageName | undefined {
  const source = runtimeNamed(agent.runtime)?.image(agentSpec(agent))
  return source?.kind === 'local' ? source.name : undefined
}

/**
 * What should be, from the agent's row and its runtime. Pure: the same row gives the same target and hash.
 * Throws DomainError `runtime-unknown`.
 */
export function targetOf(agent: AgentRow, around: TargetSurroundings): Target {
  const runtime = runtimeNamed(agent.runtime)
  if (!runtime) throw new DomainError('runtime-unknown', { runtime: agent.runtime })
  const spec = agentSpec(agent)
  const source = runtime.image(spec)
  const program = runtime.process(spec)
  const state = runtime.state(spec)
  const { http } = runtime.ports(spec)
  const probe = runtime.probe(spec)
  const fixed = {
    image:
      source.kind === 'local'
        ? { reference: around.localImage ?? `nora/${source.name}`, pull: false }
        : { reference: source.reference, pull: true },
    command: program.command,
    env: program.env,
    user: program.user,
    hostname: program.hostname,
    resources: spec.resources,
    sandboxProfile: 'standard' as const,
    ...(state && { statePath: state.path }),
    network: agentNetwork(around.pool, around.slot),
  }
  return {
    installation: around.installation,
    workspaceId: agent.workspace_id,
    agentId: agent.id,
    generation: agent.generation,
    desired: agent.desired_state,
    keepData: agent.keep_data,
    ...fixed,
    ...(http !== undefined && { httpPort: http }),
    ...(probe && { probe }),
    ...(runtime.reload && { reload: runtime.reload }),
    specHash: createHash('sha256').update(canonicalJson(fixed)).digest('hex'),
  }
}

/** The row as a runtime reads it. Which keys are attached decides no part of a target: they are files, not the container. */
export function agentSpec(agent: AgentRow): AgentSpec {
  return {
    id: agent.id,
    name: agent.name,
    runtime: agent.runtime,
    image: agent.image,
    command: agent.command ?? [],
    port: agent.port,
    env: agent.env,
    config: agent.config,
    resources: {
      cpus: agent.cpus,
      memoryMb: agent.memory_mb,
      diskMb: agent.disk_mb,
      pids: agent.pids,
    },
    providerKeyIds: [],
  }
}

/** JSON with the keys of every object in order, so that equal values have equal texts (after RFC 8785). */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).filter(([, one]) => one !== undefined)
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonicalJson(one)}`).join(',')}}`
}
