import { ApiProblem } from '@nora/client/problem'
import { fieldErrors } from '@nora/ui/lib/problem-words'
import {
  bringsImage,
  type DeployOptions,
  type DeployValues,
  keyVariables,
  type RuntimeOption,
  type Size,
  sizes,
} from './deploy-values.ts'

/** What is wrong, by the names of the form's fields (`env.0.name`). */
export type FormErrors = Record<string, string>

const variable = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/
const badName = 'Letters, digits and _, not beginning with a digit.'
const twice = 'It is there twice.'
const unit: Record<Size, string> = { cpus: 'CPUs', memoryMb: 'MB', diskMb: 'MB', pids: 'processes' }

/** What can be seen to be wrong before anybody is asked. The api judges all of it again. */
export function checkDeploy(
  values: DeployValues,
  runtime: RuntimeOption,
  options: DeployOptions,
): FormErrors {
  const errors: FormErrors = {}
  const port = Number(values.port)
  if (values.name.trim() === '') errors['name'] = 'Give it a name.'
  if (runtime.asks.image === 'required' && values.image.trim() === '')
    errors['image'] = 'Name the image, like ghcr.io/you/agent:1.0.'
  if (runtime.asks.command === 'required' && values.command.trim() === '')
    errors['command'] = 'Say what it runs.'
  if (runtime.asks.port === 'required' && values.port === '') errors['port'] = 'Say which port it listens on.'
  if (values.port !== '' && !(Number.isInteger(port) && port >= 1 && port <= 65_535))
    errors['port'] = 'A port is a whole number from 1 to 65535.'
  if (bringsImage(runtime) && values.probePath.trim() !== '' && values.port === '')
    errors['port'] = 'The health check needs a port.'
  if (bringsImage(runtime)) Object.assign(errors, checkKeyVariables(values))
  for (const size of sizes) {
    const [least, most] = [runtime.minimum[size], options.quotas.perAgent[size]]
    const value = Number(values[size])
    if (values[size] === '' || !(value >= least && value <= most))
      errors[size] = `From ${least} to ${most} ${unit[size]}.`
  }
  return { ...errors, ...checkEnv(values.env) }
}

function checkKeyVariables(values: DeployValues): FormErrors {
  const errors: FormErrors = {}
  const seen = new Set(values.env.map(({ name }) => name.trim()))
  const variables = keyVariables(values)
  for (const [name, id] of variables) {
    if (!variable.test(name)) errors[`keyEnv.${id}`] = badName
    else if (seen.has(name)) errors[`keyEnv.${id}`] = twice
    seen.add(name)
  }
  if (variables.length > 0 && values.command.trim() === '')
    errors['command'] = 'Keys in variables need a command: a shell sets them and then runs it.'
  return errors
}

function checkEnv(env: DeployValues['env']): FormErrors {
  const errors: FormErrors = {}
  const seen = new Set<string>()
  for (const [row, { name, value }] of env.entries()) {
    const known = name.trim()
    if (known === '' && value === '') continue
    if (!variable.test(known)) errors[`env.${row}.name`] = badName
    else if (seen.has(known)) errors[`env.${row}.name`] = twice
    seen.add(known)
  }
  return errors
}

/** Each quota as the operator set it: the field it limits, and how that is said. */
const quotas: Record<string, { field?: Size; words: (limit: number) => string }> = {
  MAX_VCPU: {
    field: 'cpus',
    words: (limit) => `This server gives an agent ${limit} CPUs at the most (MAX_VCPU).`,
  },
  MAX_RAM_MB: {
    field: 'memoryMb',
    words: (limit) => `This server gives an agent ${limit} MB of memory at the most (MAX_RAM_MB).`,
  },
  MAX_DISK_GB: {
    field: 'diskMb',
    words: (limit) => `This server gives an agent ${limit} GB of disk at the most (MAX_DISK_GB).`,
  },
  MAX_AGENTS: { words: (limit) => `This workspace has the ${limit} agents that it may have (MAX_AGENTS).` },
  MAX_AGENTS_TOTAL: {
    words: () => 'This server has as many agents as its operator allows (MAX_AGENTS_TOTAL).',
  },
}

const quotaNamed = (name: unknown) =>
  typeof name === 'string' && Object.hasOwn(quotas, name) ? quotas[name] : undefined

/** Which quota refused it, in words; undefined where none did. */
export function quotaWords(error: unknown): string | undefined {
  if (!(error instanceof ApiProblem) || error.code !== 'quota-exceeded') return undefined
  const { quota, limit } = error.problem
  return quotaNamed(quota)?.words(Number(limit))
}

/** The fields that the api found something wrong with. Its paths are those of the body; the form's names are flatter. */
export function refusedFields(error: unknown, values: DeployValues): FormErrors {
  if (!(error instanceof ApiProblem)) return {}
  const detail = typeof error.problem.detail === 'string' ? error.problem.detail : error.problem.title
  if (error.code === 'target-unavailable') return { target: detail }
  if (error.code === 'profile-unavailable') return { sandboxProfile: detail }
  if (error.code === 'runtime-unknown') return { runtime: detail }
  const quota = quotaNamed(error.problem['quota'])
  if (error.code === 'quota-exceeded' && quota?.field)
    return { [quota.field]: quota.words(Number(error.problem['limit'])) }
  const found = Object.entries(fieldErrors(error)).map(([path, message]) => [fieldOf(path, values), message])
  return Object.fromEntries(found.filter(([field]) => field !== ''))
}

function fieldOf(path: string, values: DeployValues): string {
  const [first = '', ...rest] = path.split('.')
  if (first === 'config' && rest[0] === 'keyEnv') {
    const held = keyVariables(values).find(([name]) => name.slice(0, 128) === rest.slice(1).join('.'))
    return held ? `keyEnv.${held[1]}` : 'command'
  }
  if (first === 'resources' || first === 'config') return rest[0] ?? ''
  if (first === 'command' || first === 'providerKeyIds') return first
  if (first !== 'env') return first
  // Long names are cut in paths.
  const said = rest.join('.')
  const row = values.env.findIndex(({ name }) =>
    [undefined, 64, 128].some((end) => name.trim().slice(0, end) === said),
  )
  return rest.length === 0 || row === -1 ? 'env' : `env.${row}.value`
}

const folded = /^(env|target|sandboxProfile|pids|startSeconds)\b/

/** Whether one of these stands in the part of the form that is folded. */
export const hasFolded = (errors: FormErrors): boolean =>
  Object.keys(errors).some((name) => folded.test(name))
