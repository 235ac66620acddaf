import { keyFolder, namesOf, type Ours, type Role } from './ours.ts'
import { isObject, printable } from './rules.ts'

/** A container of ours as the engine shows it. */
type Shown = { role: Role; agentId: string | undefined; found: Record<string, unknown> }

/**
 * What a container that is there has and none that could be made here has; undefined for one that has nothing of it. It is judged
 * by what the engine would give it at its next start.
 */
export function postureProblem(ours: Ours, { role, agentId, found }: Shown): string | undefined {
  const host = isObject(found['HostConfig']) ? found['HostConfig'] : {}
  if (host['Privileged'] === true) return 'Privileged'
  const given = lists.find((name) => !isNone(host[name]))
  if (given !== undefined) return given
  const shared = worlds.find((name) => /^(host|container:)/.test(String(host[name] ?? '')))
  if (shared !== undefined) return `${shared} ${printable(String(host[shared]))}`
  const options = host['SecurityOpt'] ?? []
  if (!Array.isArray(options) || options.some((one) => one !== 'no-new-privileges:true')) return 'SecurityOpt'
  const mounts = host['Mounts'] ?? []
  if (!Array.isArray(mounts)) return 'Mounts'
  const own = agentId === undefined ? [] : (ownMounts[role]?.(ours, agentId) ?? [])
  const strange = mounts.find((mount) => !own.some((one) => isSame(one, mount)))
  return strange === undefined ? undefined : `a mount of ${sourceOf(strange)}`
}

const lists = ['CapAdd', 'Binds', 'Devices', 'DeviceRequests', 'DeviceCgroupRules', 'VolumesFrom'] as const
const worlds = ['NetworkMode', 'PidMode', 'IpcMode', 'UTSMode', 'UsernsMode'] as const

type Mount = { Type: 'bind' | 'volume'; Source: string; Target?: string; ReadOnly: boolean }

/** The mounts of agentBody and handOverBody; an agent's state is wherever its image wants it. */
const ownMounts: Partial<Record<Role, (ours: Ours, agentId: string) => Mount[]>> = {
  agent: (ours, agentId) => [
    { Type: 'bind', Source: keyFolder(ours, agentId), Target: '/run/nora', ReadOnly: true },
    { Type: 'volume', Source: namesOf(ours, agentId).volume, ReadOnly: false },
  ],
  'hand-over': (ours, agentId) => [
    { Type: 'bind', Source: keyFolder(ours, agentId), Target: '/keys', ReadOnly: false },
    { Type: 'volume', Source: namesOf(ours, agentId).volume, Target: '/state', ReadOnly: false },
  ],
}

/** The engine leaves out what is false or empty. */
function isSame(own: Mount, mount: unknown): boolean {
  if (!isObject(mount)) return false
  const bind = isObject(mount['BindOptions']) ? mount['BindOptions'] : {}
  const volume = isObject(mount['VolumeOptions']) ? mount['VolumeOptions'] : {}
  const driver = isObject(volume['DriverConfig']) ? volume['DriverConfig'] : {}
  return (
    mount['Type'] === own.Type &&
    mount['Source'] === own.Source &&
    (own.Target === undefined || mount['Target'] === own.Target) &&
    (mount['ReadOnly'] ?? false) === own.ReadOnly &&
    ['', 'rprivate'].includes(String(bind['Propagation'] ?? '')) &&
    // A volume that is gone would be made anew from these.
    ['', 'local'].includes(String(driver['Name'] ?? '')) &&
    isNone(driver['Options'])
  )
}

const sourceOf = (mount: unknown) =>
  isObject(mount) ? printable(String(mount['Source'] ?? mount['Type'] ?? ''), 200) : 'no kind that is known'

const isNone = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  (typeof value === 'object' && Object.keys(value).length === 0)
