import type { CreateAgent } from '@nora/contract/agents'
import type { AgentSpecRow } from '@nora/db/agents'
import { DomainError } from '@nora/domain/errors'
import { sizeExceeds } from '@nora/domain/quotas'
import { looksLikeSecret } from '@nora/domain/secret-shapes'
import { runtimeNamed, runtimeNames } from '@nora/runtimes/catalog'
import type { Deps } from '../deps.ts'
import { profileNamed, targets } from './places.ts'
import { quotaExceeded } from './quota-exceeded.ts'

/** A whole spec; null and absent are the same. Resources left out are the runtime's defaults. */
type Asked = Pick<CreateAgent, 'runtime' | 'target' | 'sandboxProfile' | 'env' | 'config' | 'resources'> & {
  id?: string
  name: string
  image?: string | null
  command?: string[] | null
  port?: number | null
  providerKeyIds?: readonly string[]
}
type Config = Pick<Deps['config'], 'enabledBackends' | 'limits'>

/**
 * What is asked for as it will be stored. `sizeAsked` is false where only something else changes: an operator who lowers
 * a quota does not lock agents that were made before. DomainError `target-unavailable`, `profile-unavailable`,
 * `runtime-unknown`, `secret-in-env`, `invalid-agent`, `quota-exceeded`.
 */
export function checkSpec(config: Config, asked: Asked, sizeAsked = true): AgentSpecRow {
  const { target = 'docker', sandboxProfile = 'standard' } = asked
  const where = targets(config).find(({ name }) => name === target)
  if (!where?.available) {
    throw refused('target-unavailable', where?.reason ?? 'there is no such target; this server has docker')
  }
  const profile = profileNamed(sandboxProfile)
  if (!profile?.available) {
    throw refused('profile-unavailable', profile?.reason ?? 'there is no such profile; use standard')
  }
  const runtime = runtimeNamed(asked.runtime)
  if (!runtime) throw refused('runtime-unknown', `this server has ${runtimeNames.join(', ')}`)
  refuseSecrets(asked)
  const whole = { ...runtime.defaults, ...asked.resources }
  const resources = { ...whole, cpus: Math.round(whole.cpus * 1000) / 1000 }
  const spec = {
    id: asked.id ?? '00000000-0000-0000-0000-000000000000',
    name: asked.name,
    runtime: runtime.name,
    image: asked.image ?? null,
    command: asked.command ?? [],
    port: asked.port ?? null,
    env: asked.env ?? {},
    config: asked.config ?? {},
    resources,
    providerKeyIds: [...(asked.providerKeyIds ?? [])],
  }
  const exceeded = sizeAsked ? sizeExceeds(config.limits, resources) : undefined
  if (exceeded) throw quotaExceeded(exceeded)
  const errors = runtime.validate(spec)
  if (errors.length > 0) {
    throw new DomainError('invalid-agent', {
      errors: errors.map(({ path, message }) => ({ path: `body${path}`, message })),
    })
  }
  return {
    image: spec.image,
    cpus: resources.cpus,
    memory_mb: resources.memoryMb,
    disk_mb: resources.diskMb,
    pids: resources.pids,
    env: spec.env,
    config: spec.config,
    command: asked.command ?? null,
    port: spec.port,
  }
}

/** The engine's own records show env, config and command to whoever can inspect: no secret may stand there. */
function refuseSecrets(asked: Asked): void {
  const errors = [
    ...secretsIn('body/env', asked.env ?? {}),
    ...secretsIn('body/config', asked.config ?? {}),
    ...secretsIn('body/command', asked.command ?? []),
  ]
  if (errors.length === 0) return
  throw new DomainError(
    'secret-in-env',
    { errors },
    {
      detail:
        'store it with POST /api/llm-providers (provider "custom" takes any names and values) and attach it with providerKeyIds',
    },
  )
}

function secretsIn(path: string, value: unknown): { path: string; message: string }[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    if (typeof inner !== 'string') return secretsIn(`${path}/${name.slice(0, 64)}`, inner)
    const message = looksLikeSecret(name, inner)
    return message ? [{ path: `${path}/${name.slice(0, 64)}`, message }] : []
  })
}

const refused = (code: 'target-unavailable' | 'profile-unavailable' | 'runtime-unknown', reason: string) =>
  new DomainError(code, { reason }, { detail: reason })
