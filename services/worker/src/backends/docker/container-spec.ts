import { kernelHasIpv6 } from '@nora/config/kernel'
import type Docker from 'dockerode'
import { BackendError, type Target } from '../backend.ts'
import { silencedLabels } from './image-labels.ts'
import type { LocalImage } from './images.ts'
import { label, type ObjectNames, objectNames, ownerLabels } from './names.ts'
import { noIpv6 } from './no-ipv6.ts'

const MiB = 1024 * 1024

/** Where an agent finds its keys: a read-only bind of a folder on the host's memory-backed storage. */
export const keyMount = '/run/nora'

/**
 * The whole container of one agent: the posture of SECURITY.md from constants, and from the target its image, limits,
 * environment and addresses. Pure, given `hasIpv6` of the kernel. `keyFolder` is the host folder shown at /run/nora.
 * Throws `container-invalid` for what would weaken the posture: a root or named user, a state path over the system's.
 */
export function containerSpec(
  target: Target,
  image: LocalImage,
  keyFolder: string,
  hasIpv6 = kernelHasIpv6(),
): Docker.ContainerCreateOptions {
  const names = objectNames(target.installation, target.agentId)
  const { uid, gid } = numericUser(target.user)
  return {
    name: names.container,
    // What was looked at, wherever its name points by now.
    Image: image.id,
    User: `${uid}:${gid}`,
    Hostname: target.hostname,
    Env: environment(target.env),
    // A command replaces the image's entry point and arguments, as Kubernetes' `command` does.
    ...(target.command.length > 0 ? { Entrypoint: target.command, Cmd: [] } : {}),
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    StopTimeout: stopSeconds,
    // The image's own check would run processes that nobody asked for; the runtime's probe decides health.
    Healthcheck: { Test: ['NONE'] },
    Labels: containerLabels(target, image),
    HostConfig: { ...hostConfig(target, image, names, keyFolder), Sysctls: noIpv6(hasIpv6) },
    NetworkingConfig: {
      EndpointsConfig: { [names.network]: { IPAMConfig: { IPv4Address: target.network.agent } } },
    },
  }
}

// The type lacks the namespace's name, the engine does not.
type HostConfig = Docker.HostConfig & { CgroupnsMode: 'private' }

function hostConfig(target: Target, image: LocalImage, names: ObjectNames, keyFolder: string): HostConfig {
  const memory = Math.round(target.resources.memoryMb * MiB)
  return {
    Init: true,
    ReadonlyRootfs: true,
    Privileged: false,
    CapDrop: ['ALL'],
    CapAdd: [],
    SecurityOpt: ['no-new-privileges:true'],
    Memory: memory,
    MemorySwap: memory,
    NanoCpus: Math.round(target.resources.cpus * 1e9),
    PidsLimit: target.resources.pids,
    OomKillDisable: false,
    Ulimits: [
      { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    IpcMode: 'private',
    // Works on cgroup v1 and v2 from API 1.41 on; without it v1 shows the host's whole tree.
    CgroupnsMode: 'private',
    ShmSize: shmSizeMb * MiB,
    Tmpfs: memoryFolders(target, image),
    Mounts: mounts(target, names.volume, keyFolder),
    NetworkMode: names.network,
    PublishAllPorts: false,
    PortBindings: {},
    Devices: [],
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
    LogConfig: { Type: 'json-file', Config: { 'max-size': '32m', 'max-file': '2' } },
  }
}

/** How long a program has between SIGTERM and SIGKILL (the contract with runtimes). */
export const stopSeconds = 10

const shmSizeMb = 64

function containerLabels(target: Target, image: LocalImage): Record<string, string> {
  return {
    ...silencedLabels(image.labels),
    ...ownerLabels(target, 'agent'),
    [label.generation]: String(target.generation),
    [label.spec]: target.specHash,
  }
}

/**
 * The uid and gid of `10001` or `10001:10001`; the gid is the uid unless given, since the engine would take group 0.
 * Throws `container-invalid` for root and for names, which only the image could resolve.
 */
export function numericUser(user: string): { uid: number; gid: number } {
  const match = /^(\d{1,9})(?::(\d{1,9}))?$/.exec(user)
  const uid = Number(match?.[1])
  const gid = Number(match?.[2] ?? match?.[1])
  if (match && uid > 0 && gid > 0) return { uid, gid }
  const message = `An agent runs as a numeric user other than root, not as "${user.slice(0, 40)}".`
  throw new BackendError('container-invalid', message, { retry: false })
}

function environment(env: Record<string, string>): string[] {
  return Object.entries(env).map(([name, value]) => {
    if (/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name) && !value.includes('\0')) return `${name}=${value}`
    throw new BackendError('container-invalid', `"${name.slice(0, 40)}" is no name for a variable.`, {
      retry: false,
    })
  })
}

// Memory in these counts towards the agent's own limit; the size keeps one folder from taking all of it.
const folderSizeMb = (target: Target) =>
  Math.max(16, Math.min(256, Math.floor(target.resources.memoryMb / 4)))

/**
 * /tmp, and every VOLUME that the image declares beside the state path: the engine would back those by anonymous
 * volumes on the host's disk, which no limit covers.
 */
function memoryFolders(target: Target, image: LocalImage): Record<string, string> {
  const options = `rw,noexec,nosuid,nodev,size=${folderSizeMb(target)}m,mode=1777`
  const own = new Set([target.statePath, keyMount])
  const declared = image.volumes.map(trimPath).filter((path) => !own.has(path))
  for (const path of declared) requireMountable(path, kernelFolders, `The volume of the image, ${path},`)
  return Object.fromEntries(['/tmp', ...declared].map((path) => [path, options]))
}

function mounts(target: Target, volume: string, keyFolder: string): Docker.MountConfig {
  const keys: Docker.MountSettings = {
    Type: 'bind',
    Source: keyFolder,
    Target: keyMount,
    ReadOnly: true,
    BindOptions: { Propagation: 'rprivate' },
  }
  if (target.statePath === undefined) return [keys]
  requireMountable(target.statePath, systemFolders, `The state path, ${target.statePath},`)
  // NoCopy: the image's files would fill a plain volume and not a sized one; state begins empty in both.
  const state = {
    Type: 'volume',
    Source: volume,
    Target: target.statePath,
    ReadOnly: false,
    VolumeOptions: {
      NoCopy: true,
      Labels: ownerLabels(target, 'volume'),
      DriverConfig: { Name: 'local', Options: {} },
    },
  } satisfies Docker.MountSettings
  return [keys, state]
}

const trimPath = (path: string) => (path.length > 1 ? path.replace(/\/+$/, '') : path)

const kernelFolders = /^\/(proc|sys|dev)(\/|$)/
const systemFolders = /^\/(proc|sys|dev|run|tmp)(\/|$)/

function requireMountable(path: string, forbidden: RegExp, what: string): void {
  const plain = /^(\/[A-Za-z0-9._@+-]+)+$/.test(path) && !/\/\.{1,2}(\/|$)/.test(path)
  if (plain && !forbidden.test(path)) return
  const message = `${what.slice(0, 120)} cannot be mounted: choose a plain path outside the system's folders.`
  throw new BackendError('container-invalid', message, { retry: false })
}
