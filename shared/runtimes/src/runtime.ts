import type { CredentialKind } from '@nora/contract/credential-types'
import type { ExchangePermission } from '@nora/contract/exchange-credentials'

/** CPUs (fractions allowed), MiB, MiB, processes. */
export type Resources = { cpus: number; memoryMb: number; diskMb: number; pids: number }

/** What a person asked for, as the database keeps it: the input of every function of a runtime. */
export type AgentSpec = {
  id: string
  name: string
  runtime: string
  /** A registry reference, for runtimes that take one. */
  image: string | null
  /** Replaces the image's own entrypoint and command; empty: the image's own, or the runtime's. */
  command: string[]
  port: number | null
  /** Non-secret. */
  env: Record<string, string>
  config: Record<string, unknown>
  resources: Resources
  /** The attached credentials. */
  providerKeyIds: string[]
}

/** An opened credential. Its values are Buffers so that they can be wiped; the caller owns and wipes them. */
export type OpenedKey = {
  id: string
  kind: CredentialKind
  provider: string
  label: string
  baseUrl: string | null
  /** What the owner of an exchange credential lets agents do with it; null for every other kind. */
  permission: ExchangePermission | null
  fields: Record<string, Buffer>
}

/** Non-secret text, rendered at every start. `path` is absolute. */
export type ConfigFile = { path: string; content: string }

/** A file under /run/nora, mode 0400. The caller wipes `content` after it is written. */
export type SecretFile = { name: string; content: Buffer }

export type ImageSource = { kind: 'local'; name: 'starter-agent' } | { kind: 'registry'; reference: string }

/**
 * How health is seen: GET `path` on `port` answers 200 to 399, and every field of `expect` is in the JSON answered. Not
 * so `startDeadlineMs` after the start is a failure.
 */
export type Probe = {
  port: number
  path: string
  expect: Record<string, string | number | boolean>
  intervalMs: number
  timeoutMs: number
  startDeadlineMs: number
}

/** How a program is told that its keys changed. */
export type ReloadAction =
  | { kind: 'signal'; signal: 'SIGHUP' | 'SIGUSR1' | 'SIGUSR2' }
  | { kind: 'http'; method: 'POST' | 'PUT'; port: number; path: string }
  | { kind: 'exec'; argv: string[] }

/** `command` is the whole argv and replaces entrypoint and command; empty: the image's own. */
export type Process = { command: string[]; env: Record<string, string>; user: string; hostname: string }

/** Something wrong with a spec: where, and a sentence that never repeats the value. */
export type SpecError = { path: string; message: string }

/** `no`: filling it in is refused. */
export type Asked = 'required' | 'optional' | 'no'

/**
 * How one kind of program meets Nora: data and pure functions. Functions may assume a spec that `validate` finds nothing
 * wrong with.
 */
export type Runtime = {
  name: string
  /** How people see it: a name, and a sentence. */
  title: string
  description: string
  /** Whether its programs answer `POST /v1/chat/completions`, as OpenAI's API does. */
  chat: boolean
  /** Which fields of an agent are the person's to fill in. */
  asks: Record<'image' | 'command' | 'port', Asked>
  /** The kinds of credentials that its programs know what to do with; it is given others all the same. */
  keyKinds: readonly CredentialKind[]
  validate(spec: AgentSpec): SpecError[]
  image(spec: AgentSpec): ImageSource
  process(spec: AgentSpec): Process
  files(spec: AgentSpec): ConfigFile[]
  /** The files under /run/nora for exactly these keys; `version` counts deliveries to this agent. */
  secrets(spec: AgentSpec, keys: OpenedKey[], version: number): SecretFile[]
  /** None: the program must be restarted to see new keys. */
  reload?: ReloadAction
  ports(spec: AgentSpec): { http?: number }
  /** None: a program that runs for a second counts as healthy. */
  probe(spec: AgentSpec): Probe | undefined
  /** Where the volume that survives a redeploy is mounted; none: the agent keeps nothing. */
  state(spec: AgentSpec): { path: string } | undefined
  defaults: Resources
  minimum: Resources
}

/** The uid and gid of every agent. */
export const agentUser = '10001:10001'

/** Stable over redeploys: some programs keep leases by host name. */
export const hostnameOf = (spec: AgentSpec): string => `agent-${spec.id.replaceAll('-', '').slice(0, 12)}`
