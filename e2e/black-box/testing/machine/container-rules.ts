import { type Secret, secretsFoundIn } from './secrets.ts'

/** What of `docker inspect` is looked at. */
export type Inspected = {
  Name: string
  Config: { User?: string; Labels?: Record<string, string> | null; [more: string]: unknown }
  HostConfig: {
    Privileged?: boolean
    ReadonlyRootfs?: boolean
    CapAdd?: string[] | null
    CapDrop?: string[] | null
    SecurityOpt?: string[] | null
    Memory?: number
    NanoCpus?: number
    PidsLimit?: number | null
    NetworkMode?: string
    PidMode?: string
    IpcMode?: string
    UTSMode?: string
    UsernsMode?: string
    Devices?: unknown[] | null
    PublishAllPorts?: boolean
    PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[] | null> | null
    LogConfig?: { Type?: string; Config?: Record<string, string> | null }
    Ulimits?: { Name: string; Hard: number }[] | null
    RestartPolicy?: { Name?: string }
    [more: string]: unknown
  }
  State?: { StartedAt?: string }
  Mounts?: { Source?: string; Destination?: string; RW?: boolean }[]
}

/** When a container was started that never was, in the engine's words. */
const notYet = '0001-01-01T00:00:00Z'

/** What one of our containers is let have; whatever is not named here none has. */
export type Allowed = {
  socket?: boolean
  root?: boolean
  hostNetwork?: boolean
  capabilities?: string[]
  /** The addresses of this machine that it may publish ports on. */
  publishes?: string[]
  noCpuLimit?: boolean
  /** Ends for good, or is started again by the worker alone. */
  noRestart?: boolean
  /** Nothing ever runs in it, so what bounds a process is not asked of it. */
  neverStarted?: boolean
}

/** The stack's services (docker-compose.yml). `address`: where nginx is published. */
export const allowedTo = (service: string, address: string): Allowed =>
  ({
    nginx: { publishes: [address] },
    'engine-proxy': { socket: true },
    // iptables wants uid 0, in no capability but the one for the network.
    netguard: { root: true, hostNetwork: true, capabilities: ['NET_ADMIN'] },
    migrate: { noRestart: true },
  })[service] ?? {}

/** What the worker makes. A gateway's load is its agents', each of which has a limit. */
export function allowedToOurs(role: string, mode: 'embedded' | 'compose'): Allowed {
  if (role === 'hand-over') return { neverStarted: true, noRestart: true }
  if (role !== 'gateway') return { noRestart: true }
  return { noCpuLimit: true, noRestart: true, ...(mode === 'embedded' ? { publishes: ['127.0.0.1'] } : {}) }
}

/**
 * What is wrong with a container, each in a sentence that names it; empty when nothing is. Pure.
 * @param secrets that must not be found anywhere in what the engine tells.
 * @param socketFolders paths that are the engine's socket, or hold it.
 */
export function violations(
  container: Inspected,
  allowed: Allowed,
  { secrets, engineSocket, config }: { secrets: Secret[]; engineSocket: string; config: string },
): string[] {
  const { Config, HostConfig: host, Mounts = [] } = container
  const found: string[] = []
  const unless = (holds: boolean, what: string) => {
    if (!holds) found.push(`${container.Name.replace(/^\//, '')} ${what}`)
  }
  for (const name of secretsFoundIn(JSON.stringify(container), secrets))
    unless(false, `shows a secret: ${name}`)

  const sources = Mounts.map(({ Source }) => Source ?? '')
  for (const source of sources) {
    unless(
      allowed.socket === true || !holdsSocket(source, engineSocket),
      `mounts the engine's socket: ${source}`,
    )
    unless(source !== '/' && !isWithin(config, source), `mounts the whole folder of secrets: ${source}`)
  }
  unless(!host.Privileged, 'is privileged')
  const added = (host.CapAdd ?? []).map((one) => one.replace(/^CAP_/, ''))
  const more = added.filter((one) => !allowed.capabilities?.includes(one))
  unless(more.length === 0, `has capabilities that it was not given: ${more.join(', ')}`)
  unless(
    (host.CapDrop ?? []).some((one) => one.toUpperCase() === 'ALL'),
    'keeps capabilities',
  )
  const options = host.SecurityOpt ?? []
  unless(
    options.some((one) => /^no-new-privileges([:=]true)?$/.test(one)),
    'may gain privileges',
  )
  unless(!options.some((one) => /unconfined|disable/.test(one)), `is unconfined: ${options.join(', ')}`)
  unless(allowed.root === true || !/^(|root|0+)(:|$)/.test(Config.User ?? ''), 'runs as root')
  // Not by its status: one that is on its way out is `removing`.
  if (allowed.neverStarted) unless(container.State?.StartedAt === notYet, 'was started')
  else found.push(...unbounded(container, allowed))
  unless((host.Devices ?? []).length === 0, 'has devices')
  unless(allowed.hostNetwork === true || host.NetworkMode !== 'host', 'is on the network of the machine')
  for (const name of ['PidMode', 'IpcMode', 'UTSMode', 'UsernsMode'] as const)
    unless(host[name] !== 'host', `shares ${name} with the machine`)
  const restart = host.RestartPolicy?.Name ?? ''
  unless(
    allowed.noRestart ? ['', 'no'].includes(restart) : restart === 'unless-stopped',
    `is restarted: ${restart || 'no'}`,
  )

  unless(!host.PublishAllPorts, 'publishes all its ports')
  const published = Object.entries(host.PortBindings ?? {}).flatMap(([port, at]) =>
    (at ?? []).map(({ HostIp = '' }) => ({ port, address: HostIp === '' ? '0.0.0.0' : HostIp })),
  )
  for (const { port, address } of published) {
    unless(allowed.publishes?.includes(address) === true, `publishes ${port} on ${address}`)
  }
  return found
}

/** `inner` is `outer`, or a path in it. */
const isWithin = (inner: string, outer: string) =>
  inner === outer || inner.startsWith(outer.replace(/\/*$/, '/'))

/** The socket by one of its names, or a folder that holds it. */
const holdsSocket = (source: string, engineSocket: string): boolean =>
  [engineSocket, '/var/run/docker.sock', '/run/docker.sock', '/run/containerd/containerd.sock'].some(
    (socket) => isWithin(socket, source),
  ) || /\/(docker|containerd|podman)\.sock$/.test(source)

/** What a process in it could take without end, or leave behind. */
function unbounded({ Name, HostConfig: host }: Inspected, allowed: Allowed): string[] {
  const bounds: [boolean, string][] = [
    [host.ReadonlyRootfs === true, 'may write to its root'],
    [(host.Memory ?? 0) > 0, 'has no limit of memory'],
    [(host.NanoCpus ?? 0) > 0 || allowed.noCpuLimit === true, 'has no limit of CPU'],
    [(host.PidsLimit ?? 0) > 0, 'has no limit of processes'],
    [
      host.LogConfig?.Type === 'json-file' && Boolean(host.LogConfig.Config?.['max-size']),
      'does not rotate its log',
    ],
    [(host.Ulimits ?? []).some(({ Name, Hard }) => Name === 'core' && Hard === 0), 'may dump core'],
  ]
  return bounds.filter(([holds]) => !holds).map(([, what]) => `${Name.replace(/^\//, '')} ${what}`)
}
