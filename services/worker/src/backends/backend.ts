import type { Duplex } from 'node:stream'
import type { Probe, ReloadAction, SecretFile } from '@nora/runtimes/runtime'

/** All that a backend must know of one agent; pure data made from the database row and its runtime. */
export type Target = {
  installation: string
  workspaceId: string
  agentId: string
  generation: number
  desired: 'running' | 'stopped' | 'deleted'
  /** With `desired: 'deleted'`: leave the state volume. */
  keepData: boolean
  /** An image reference that the target's engine holds or can pull; local images are assembled before. */
  image: { reference: string; pull: boolean }
  command: string[]
  /** Non-secret only. */
  env: Record<string, string>
  user: string
  hostname: string
  resources: { cpus: number; memoryMb: number; diskMb: number; pids: number }
  sandboxProfile: 'standard'
  /** Where the volume that survives a redeploy is mounted. */
  statePath?: string
  httpPort?: number
  probe?: Probe
  reload?: ReloadAction
  /** The agent's own small network. Addresses are the design's: .1 bridge, .2 gateway, .3 agent. */
  network: { subnet: string; bridge: string; gateway: string; agent: string }
  /** Hash over everything above that a running container cannot change. */
  specHash: string
}

/** What is really there. A thing with our name and other labels is `foreign` (its name and id, for people): it is never touched. */
export type Observed = {
  image: 'present' | 'absent'
  network: 'present' | 'absent' | 'wrong' | { foreign: string }
  storage: 'present' | 'absent'
  container: 'absent' | { foreign: string } | ObservedContainer
}

export type ObservedContainer = {
  id: string
  status: 'created' | 'running' | 'paused' | 'exited' | 'dead'
  generation: number
  specHash: string
  imageDigest: string
  /** On the agent's own network; null when it is not on it, or does not run. */
  ip: string | null
  startedAt: string | null
  finishedAt: string | null
  exitCode: number | null
  oomKilled: boolean
  /** Whether the agent's gateway stands on its network. */
  gatewayAttached: boolean
  /** It has another name than it was made with. */
  renamed: boolean
}

export type LogCursor = { containerId: string; ts: string; ordinal: number }
/**
 * One engine frame: a line, or a piece of a long one. `partial` marks a line that goes on in the same stream's next
 * frame; on the stream's last frame it marks a line that the program never ended.
 */
export type LogFrame = {
  containerId: string
  /** RFC 3339 with nanoseconds, as the engine gave it. */
  ts: string
  /** Position among frames of the same timestamp, from 0. */
  ordinal: number
  stream: 'stdout' | 'stderr'
  /** Without the line's end; as the engine stored it (it replaces what is no UTF-8). */
  text: Buffer
  partial: boolean
  /** The engine may have thrown frames away between the one before and this one: the log has a gap here. */
  gapBefore?: boolean
}

/** What a running container uses, read at one moment. */
export type Usage = {
  /** Milliseconds since 1970, by the engine's clock. */
  takenAt: number
  /** Of all cores, since the container was started. */
  cpuNs: number
  /** Without the kernel's cache of files that it could give back. */
  memoryBytes: number
  memoryLimitBytes: number
  /** Of all its networks, since it was started. */
  networkRxBytes: number
  networkTxBytes: number
  /** Processes and threads. */
  pids: number
}

export type TerminalSize = { cols: number; rows: number }

/** Where the programs of a terminal are: all that its shell starts has the shell's process id for a session. */
export type TerminalPlace = {
  agentId: string
  containerId: string
  /** Which run of the container: its process ids begin anew with each. */
  run: string
  leader: number
}

/** A shell in a running container, as the agent's own user. */
export type Terminal = {
  /** The terminal's bytes both ways, paused; ends when the shell has. */
  stream: Duplex
  place: TerminalPlace
  resize(size: TerminalSize, signal: AbortSignal): Promise<void>
  /** What the ended shell ended with; undefined when that is not known any more. */
  exitCode(signal: AbortSignal): Promise<number | undefined>
}

/** One container of the installation as the one-call listing shows it. */
export type ListedContainer = {
  containerId: string
  name: string
  agentId: string
  workspaceId: string
  generation: number
  specHash: string
  status: ObservedContainer['status']
  /** On the agent's own network; null when it is not on it, or does not run. */
  ip: string | null
  /** It has another name than it was made with, or is a copy of one. */
  renamed: boolean
}

/** What an agent that is gone left besides its container. `id` is the engine's, or the agent's own. */
export type Leftover = { kind: 'network' | 'hand-over' | 'keys' | 'storage'; id: string; agentId: string }

export type BackendEvent = {
  agentId: string
  containerId: string
  action: 'start' | 'die' | 'oom' | 'destroy' | 'pause' | 'unpause' | 'rename'
}

/**
 * What Nora asks of a place that runs agents. Every verb is idempotent and bounded by its signal; it throws `BackendError`.
 * docs/adr/0003-backend-verbs.md says what each means for Docker and for Kubernetes.
 */
export type Backend = {
  observe(target: Target, signal: AbortSignal): Promise<Observed>
  ensureImage(target: Target, signal: AbortSignal, onProgress: (text: string) => void): Promise<void>
  ensureNetwork(target: Target, signal: AbortSignal): Promise<void>
  /** Gives whether the size limit is enforced by the storage itself. */
  ensureStorage(target: Target, signal: AbortSignal): Promise<{ diskEnforced: boolean }>
  /** Replaces the agent's secret files by write-then-rename, mode 0400, on memory-backed storage. Files not named go. */
  writeSecrets(target: Target, files: SecretFile[], signal: AbortSignal): Promise<void>
  ensureContainer(target: Target, signal: AbortSignal): Promise<{ containerId: string; imageDigest: string }>
  start(target: Target, signal: AbortSignal): Promise<void>
  /** Tells the program that its keys changed. `unsupported`: it must be restarted. */
  reload(target: Target, signal: AbortSignal): Promise<'reloaded' | 'unsupported'>
  /** Gives a container that somebody renamed its name back. `name-taken`: something else has it now. */
  restoreName(target: Target, signal: AbortSignal): Promise<void>
  stop(target: Target, signal: AbortSignal): Promise<void>
  removeContainer(target: Target, signal: AbortSignal): Promise<void>
  removeNetwork(target: Target, signal: AbortSignal): Promise<void>
  removeStorage(target: Target, signal: AbortSignal): Promise<void>
  removeSecrets(target: Target, signal: AbortSignal): Promise<void>
  /** The last lines the container printed, for a person; at most 20 lines, 4 KiB. */
  lastWords(containerId: string, signal: AbortSignal): Promise<string[]>
  /**
   * Frames after the cursor, from the beginning without one, as they come: never none at once. Ends when the container has
   * ended and all was read.
   */
  logs(
    containerId: string,
    after: LogCursor | undefined,
    signal: AbortSignal,
  ): AsyncIterable<readonly LogFrame[]>
  /** One reading of what a container uses, within three seconds. Undefined: it does not run, or is gone. */
  usage(containerId: string, signal: AbortSignal): Promise<Usage | undefined>
  /** Opens a terminal. `not-found`: the container does not run, or is not this agent's; `container-invalid`: it has no shell. */
  openTerminal(
    agentId: string,
    containerId: string,
    size: TerminalSize,
    signal: AbortSignal,
  ): Promise<Terminal>
  /** Ends all that runs in a terminal, asked first and then killed. `left`: something is still there. */
  endTerminal(place: TerminalPlace, signal: AbortSignal): Promise<'ended' | 'left'>
  /** Every container of this installation, with one call. */
  list(signal: AbortSignal): Promise<ListedContainer[]>
  /** Removes one listed container by id, when its labels still say that it is this installation's. */
  removeOrphan(container: ListedContainer, signal: AbortSignal): Promise<void>
  /** Everything else that this installation's labels and folders say is an agent's, for finding what nobody owns. */
  possessions(signal: AbortSignal): Promise<Leftover[]>
  /** Removes one of them, when it is still this installation's; storage goes with what is in it. */
  removeLeftover(leftover: Leftover, signal: AbortSignal): Promise<void>
  events(signal: AbortSignal): AsyncIterable<BackendEvent>
}

export type BackendErrorCode =
  | 'engine-unavailable'
  | 'image-not-found'
  | 'image-pull-failed'
  | 'name-taken'
  | 'network-conflict'
  /** The engine keeps the addresses for something that it does not show: after a few tries others are to be taken. */
  | 'addresses-stuck'
  | 'resources-refused'
  | 'container-invalid'
  /** The container can never be started again, through no fault of its settings: it is to be made anew. */
  | 'container-spoilt'
  | 'not-found'
  | 'timeout'
  | 'engine-error'

/** `retry`: the same call may work later without anybody changing anything. `message` is for people and holds no secret. */
export class BackendError extends Error {
  readonly code: BackendErrorCode
  readonly retry: boolean

  constructor(code: BackendErrorCode, message: string, options: { retry: boolean; cause?: unknown }) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BackendError'
    this.code = code
    this.retry = options.retry
  }
}
