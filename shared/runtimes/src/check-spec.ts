import type { AgentSpec, Resources, SpecError } from './runtime.ts'

const unit: Record<keyof Resources, string> = {
  cpus: 'CPUs',
  memoryMb: 'MiB',
  diskMb: 'MiB',
  pids: 'processes',
}

/** Resources below what the runtime can start with. */
export function checkResources(spec: AgentSpec, runtime: string, minimum: Resources): SpecError[] {
  return (Object.keys(minimum) as (keyof Resources)[])
    .filter((name) => !(spec.resources[name] >= minimum[name]))
    .map((name) => ({
      path: `/resources/${name}`,
      message: `the ${runtime} runtime needs at least ${minimum[name]} ${unit[name]}`,
    }))
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
// What changes how a program is loaded, or is ours to set.
const RESERVED = /^(?:LD_.*|NORA_.*|PATH|IFS|ENV|BASH_ENV|HOSTNAME)$/

/** Why a name cannot be an agent's environment variable, or null. */
export function variableProblem(name: string): string | null {
  if (!NAME.test(name)) return 'must be a variable name: letters, digits and _, not beginning with a digit'
  return RESERVED.test(name) ? 'is reserved' : null
}

export function checkEnv(spec: AgentSpec): SpecError[] {
  return Object.entries(spec.env).flatMap(([name, value]) => {
    const problem =
      variableProblem(name) ?? (value.includes('\0') ? 'must not contain a NUL character' : null)
    return problem ? [{ path: `/env/${name.slice(0, 128)}`, message: problem }] : []
  })
}

/** Fields of `config` that the runtime does not know. */
export function checkConfigNames(spec: AgentSpec, known: readonly string[]): SpecError[] {
  return Object.keys(spec.config)
    .filter((name) => !known.includes(name))
    .map((name) => ({
      path: `/config/${name.slice(0, 100)}`,
      message: known.length > 0 ? `is not known; known: ${known.join(', ')}` : 'is not known',
    }))
}
