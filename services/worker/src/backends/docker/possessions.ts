import { readdir } from 'node:fs/promises'
import type { Leftover } from '../backend.ts'
import type { Disks } from './disks.ts'
import type { Engine } from './engine.ts'
import { removeHandOver } from './hand-over.ts'
import { removeKeyFiles } from './key-files.ts'
import { isAgentId, label, type Role } from './names.ts'
import { removeNetwork } from './networks.ts'
import { removeStorage } from './storage.ts'

export type PossessionDeps = { engine: Engine; disks: Disks; keysDir: string }

/**
 * What this installation's labels and folders say belongs to agents, besides their containers: three listings of the
 * engine and two of folders, whatever the number of agents.
 */
export async function possessions(
  { engine, disks, keysDir }: PossessionDeps,
  signal: AbortSignal,
): Promise<Leftover[]> {
  const { docker, call } = engine
  const filters = (role: Role) => ({
    label: [`${label.installation}=${engine.installation}`, `${label.role}=${role}`],
  })
  const [networks, helpers, volumes, files, keys] = await Promise.all([
    call('listing networks', signal, (abortSignal) =>
      docker.listNetworks({ filters: filters('network'), abortSignal }),
    ),
    call('listing hand-over containers', signal, (abortSignal) =>
      docker.listContainers({ all: true, filters: filters('hand-over'), abortSignal }),
    ),
    call('listing volumes', signal, (abortSignal) =>
      docker.listVolumes({ filters: filters('volume'), abortSignal }),
    ),
    disks.owners(),
    readdir(keysDir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    }),
  ])
  const agentOf = (labels: Record<string, string> | null | undefined) => labels?.[label.agent]
  const stored = [...(volumes.Volumes ?? []).map((one) => agentOf(one.Labels)), ...files].filter(isAgentId)
  return [
    ...networks.map((one) => found('network', one.Id, agentOf(one.Labels))),
    ...helpers.map((one) => found('hand-over', one.Id, agentOf(one.Labels))),
    ...[...new Set(stored)].map((agentId) => found('storage', agentId, agentId)),
    ...keys.map((name) => found('keys', name, name)),
  ].flat()
}

/** A label or a file's name that is no agent's id is nothing that we made. */
const found = (kind: Leftover['kind'], id: string, agentId: string | undefined): Leftover[] =>
  isAgentId(agentId) ? [{ kind, id, agentId }] : []

/** Every removal looks at the labels of what has the name now. */
export async function removeLeftover(
  { engine, disks, keysDir }: PossessionDeps,
  { kind, agentId }: Leftover,
  signal: AbortSignal,
): Promise<void> {
  const owner = { installation: engine.installation, agentId }
  if (kind === 'network') return removeNetwork(engine, owner, signal)
  if (kind === 'hand-over') return removeHandOver(engine, owner, signal)
  if (kind === 'keys') return removeKeyFiles(keysDir, agentId)
  return removeStorage(engine, disks, { ...owner, keepData: false }, signal)
}
