import { controlNetwork, keyFolder, namesOf, type Ours, type Role, uuid } from './ours.ts'
import { type EngineFacts, isNone, ordinaryEngine, rulesFor } from './posture-fields.ts'
import { isObject, printable } from './rules.ts'

/** A container of ours as the engine shows it. */
type Shown = { role: Role; agentId: string | undefined; found: Record<string, unknown> }

/**
 * What a container that is there has and none that could be made here has; undefined for one that has nothing of it. It is judged
 * by what the engine would give it at its next start.
 */
export function postureProblem(
  ours: Ours,
  { role, agentId, found }: Shown,
  engine: EngineFacts = ordinaryEngine,
): string | undefined {
  if (role !== 'gateway' && !uuid.test(agentId ?? '')) return 'no id of an agent'
  const host = isObject(found['HostConfig']) ? found['HostConfig'] : {}
  const mounts = host['Mounts'] ?? []
  if (!Array.isArray(mounts)) return 'Mounts'
  const own = agentId === undefined ? [] : (ownMounts[role]?.(ours, agentId) ?? [])
  const strange = mounts.find((mount) => !own.some((one) => isSame(one, mount)))
  if (strange !== undefined) return `a mount of ${sourceOf(strange)}`
  const rules = Object.entries(rulesFor(ours, role, agentId, host, engine))
  const wrong = rules.find(([name, rule]) => rule(host[name], name) !== undefined)?.[0]
  if (wrong !== undefined) return `${wrong} ${shown(host[wrong])}`
  const user = isObject(found['Config']) ? found['Config']['User'] : undefined
  if (role !== 'hand-over' && user !== '10001:10001') return `User ${shown(user)}`
  const other = networksOf(found).find((name) => !isOwnNetwork(ours, role, agentId, name))
  return other === undefined ? undefined : `a place on the network ${printable(other)}`
}

const shown = (value: unknown) =>
  printable(typeof value === 'string' && value !== '' ? value : (JSON.stringify(value) ?? 'absent'), 200)

/** Those that it is on, or is to be on when it starts, by their names. */
function networksOf(found: Record<string, unknown>): string[] {
  const settings = isObject(found['NetworkSettings']) ? found['NetworkSettings'] : {}
  return isObject(settings['Networks']) ? Object.keys(settings['Networks']) : []
}

function isOwnNetwork(ours: Ours, role: Role, agentId: string | undefined, name: string): boolean {
  if (role === 'agent') return name === namesOf(ours, agentId ?? '').network
  if (role === 'hand-over') return name === 'none'
  const before = namesOf(ours, '').network
  return (
    name === controlNetwork(ours).name || (name.startsWith(before) && uuid.test(name.slice(before.length)))
  )
}

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
