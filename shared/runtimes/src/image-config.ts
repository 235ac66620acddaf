import { variableProblem } from './check-spec.ts'
import type { AgentSpec, SpecError } from './runtime.ts'

/** What a person says about an image of their own. Every field may be left out. */
export type ImageConfig = {
  /** GET on the spec's port; without it, running is healthy. */
  probePath?: string
  /** How long the program may take until its probe answers: 1 to 900, default 120. */
  startSeconds?: number
  /** Where the volume that survives a redeploy is mounted. */
  statePath?: string
  /** Variable name -> credential id, or `<id>.<field>` for a credential of several values. */
  keyEnv?: Record<string, string>
  /** File name under /run/nora -> the same. */
  keyFiles?: Record<string, string>
}

export const imageConfigNames = ['probePath', 'startSeconds', 'statePath', 'keyEnv', 'keyFiles'] as const

/** The config of a spec that `checkImageConfig` found nothing wrong with. */
export const imageConfig = (spec: AgentSpec): ImageConfig => spec.config as ImageConfig

/** `<id>` or `<id>.<field>`. */
export function keyReference(value: string): { id: string; field: string | null } {
  const dot = value.indexOf('.')
  return dot === -1 ? { id: value, field: null } : { id: value.slice(0, dot), field: value.slice(dot + 1) }
}

// The engine makes these itself, or a volume over them would break or hide the image.
const OCCUPIED = /^\/(?:proc|sys|dev|run|tmp|etc|bin|sbin|lib|lib64|usr|boot)(?:\/|$)/

function statePathProblem(path: unknown): string | null {
  if (typeof path !== 'string' || !/^(?:\/[A-Za-z0-9._-]+)+$/.test(path) || path.length > 255) {
    return 'must be an absolute path of letters, digits, ".", "_" and "-", like /data'
  }
  if (path.split('/').some((part) => part === '.' || part === '..')) return 'must not contain . or ..'
  return OCCUPIED.test(path) ? 'must not lie in a folder of the system' : null
}

const isSeconds = (value: unknown) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 900

const isProbePath = (path: unknown) =>
  typeof path === 'string' &&
  path.length <= 256 &&
  /^\/(?!\/)[A-Za-z0-9._~/?&=%:@+,-]*$/.test(path) &&
  !/(?:^|\/)(?:\.|%2e){1,2}(?:[/?]|$)|%(?:2f|5c|0|1)/i.test(path)

function mapErrors(
  spec: AgentSpec,
  name: 'keyEnv' | 'keyFiles',
  problemOf: (entry: string) => string | null,
): SpecError[] {
  const map = spec.config[name]
  if (map === undefined) return []
  if (typeof map !== 'object' || map === null || Array.isArray(map)) {
    return [{ path: `/config/${name}`, message: 'must map names to ids of attached keys' }]
  }
  return Object.entries(map).flatMap(([entry, value]) => {
    const attached = typeof value === 'string' && spec.providerKeyIds.includes(keyReference(value).id)
    const problem = problemOf(entry) ?? (attached ? null : 'must be the id of a key attached to this agent')
    return problem ? [{ path: `/config/${name}/${entry.slice(0, 128)}`, message: problem }] : []
  })
}

const fileProblem = (name: string) =>
  !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/.test(name)
    ? 'must be a file name of at most 64 letters, digits, ".", "_" and "-"'
    : name === 'keys.json' || name === 'env.sh' || name.startsWith('key-')
      ? 'is a name that Nora uses'
      : null

/** Everything wrong with the image runtime's `config`. */
export function checkImageConfig(spec: AgentSpec): SpecError[] {
  const { probePath, startSeconds, statePath, keyEnv } = spec.config
  const errors: SpecError[] = []
  if (probePath !== undefined) {
    if (!isProbePath(probePath)) {
      errors.push({ path: '/config/probePath', message: 'must be a path that begins with /, like /healthz' })
    } else if (spec.port === null) errors.push({ path: '/config/probePath', message: 'needs "port"' })
  }
  if (startSeconds !== undefined && !isSeconds(startSeconds)) {
    errors.push({ path: '/config/startSeconds', message: 'must be a whole number from 1 to 900' })
  }
  if (statePath !== undefined) {
    const problem = statePathProblem(statePath)
    if (problem) errors.push({ path: '/config/statePath', message: problem })
  }
  errors.push(...mapErrors(spec, 'keyFiles', fileProblem))
  errors.push(
    ...mapErrors(spec, 'keyEnv', (name) =>
      Object.hasOwn(spec.env, name) ? 'is also set in "env"' : variableProblem(name),
    ),
  )
  if (keyEnv !== undefined && spec.command.length === 0) {
    const message =
      'needs "command": a shell sets the variables and then runs it (the image must have /bin/sh)'
    errors.push({ path: '/config/keyEnv', message })
  }
  return errors
}
