import type Docker from 'dockerode'
import type { Backend } from '../backend.ts'
import {
  type ContainerDeps,
  ensureContainer,
  reloadContainer,
  removeContainer,
  restoreName,
  startContainer,
  stopContainer,
} from './containers.ts'
import { createDisks } from './disks.ts'
import { type BackendLog, type Engine, engineCall } from './engine.ts'
import { containerEvents } from './events.ts'
import { ensureImage } from './images.ts'
import { removeKeyFiles, writeKeyFiles } from './key-files.ts'
import { lastWords } from './last-words.ts'
import { listContainers, removeOrphan } from './listing.ts'
import { containerLogs } from './logs.ts'
import { ensureNetwork, removeNetwork } from './networks.ts'
import { observe } from './observe.ts'
import { possessions, removeLeftover } from './possessions.ts'
import { readUsage } from './stats.ts'
import { ensureStorage, removeStorage } from './storage.ts'
import { endTerminal, openTerminal } from './terminals.ts'

export type DockerBackendDeps = {
  docker: Docker
  installation: string
  /** The block that agents' networks are cut from. */
  pool: string
  /** Memory-backed folder of the host for keys, open to this process alone; the engine is on the same host. */
  keysDir: string
  /** Folder for the agents' disks. */
  dataDir: string
  log: BackendLog
}

/** Runs agents as containers of the Docker Engine on this host. See docs/adr/0003-backend-verbs.md. */
export function dockerBackend(options: DockerBackendDeps): Backend {
  const { docker, installation, pool, keysDir, dataDir, log } = options
  const engine: Engine = { docker, installation, pool, log, call: engineCall }
  const disks = createDisks(dataDir)
  const deps: ContainerDeps = { engine, disks, keysDir }
  return {
    observe: (target, signal) => observe(engine, disks, target, signal),
    ensureImage: (target, signal, onProgress) => ensureImage(engine, target, signal, onProgress),
    ensureNetwork: (target, signal) => ensureNetwork(engine, target, signal),
    ensureStorage: (target, signal) => ensureStorage(engine, disks, target, signal),
    writeSecrets: (target, files, signal) => writeKeyFiles(engine, keysDir, target, files, signal),
    ensureContainer: (target, signal) => ensureContainer(deps, target, signal),
    start: (target, signal) => startContainer(deps, target, signal),
    reload: (target, signal) => reloadContainer(engine, target, signal),
    restoreName: (target, signal) => restoreName(engine, target, signal),
    stop: (target, signal) => stopContainer(engine, target, signal),
    removeContainer: (target, signal) => removeContainer(engine, target, signal),
    removeNetwork: (target, signal) => removeNetwork(engine, target, signal),
    removeStorage: (target, signal) => removeStorage(engine, disks, target, signal),
    removeSecrets: (target) => removeKeyFiles(keysDir, target.agentId),
    lastWords: (containerId, signal) => lastWords(engine, containerId, signal),
    logs: (containerId, after, signal) => containerLogs(engine, containerId, after, signal),
    usage: (containerId, signal) => readUsage(engine, containerId, signal),
    openTerminal: (agentId, containerId, size, signal) =>
      openTerminal(engine, agentId, containerId, size, signal),
    endTerminal: (place, signal) => endTerminal(engine, place, signal),
    list: (signal) => listContainers(engine, signal),
    removeOrphan: (container, signal) => removeOrphan(engine, container, signal),
    possessions: (signal) => possessions(deps, signal),
    removeLeftover: (leftover, signal) => removeLeftover(deps, leftover, signal),
    events: (signal) => containerEvents(engine, signal),
  }
}
