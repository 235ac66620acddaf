import type { Taken } from '@nora/client/api-types'
import type { Agent } from '../../agents/agent-actions.ts'

export type EnvRow = { id: number; name: string; value: string }
/** What stands in the form. Empty means: as the image or the runtime has it. */
export type SettingsValues = {
  name: string
  cpus: number | string
  memoryMb: number | string
  diskMb: number | string
  pids: number | string
  image: string
  /** One argument a line. */
  command: string
  port: number | string
  env: EnvRow[]
  /** JSON. */
  config: string
}
export type Changes = Taken<'/api/agents/{id}', 'patch'>

/** An agent's settings as a form shows them. */
export function valuesOf(agent: Agent): SettingsValues {
  const { cpus, memoryMb, diskMb, pids } = agent.resources
  return {
    ...{ name: agent.name, cpus, memoryMb, diskMb, pids },
    image: agent.image ?? '',
    command: (agent.command ?? []).join('\n'),
    port: agent.port ?? '',
    env: Object.entries(agent.env).map(([name, value], id) => ({ id, name, value })),
    config: JSON.stringify(agent.config, undefined, 2),
  }
}

/** What is wrong with a form before it is sent, by its fields. */
export function problemsOf(values: SettingsValues): Record<string, string> {
  const problems: Record<string, string> = {}
  if (values.name.trim() === '') problems['name'] = 'An agent needs a name.'
  for (const field of ['cpus', 'memoryMb', 'diskMb', 'pids'] as const)
    if (values[field] === '') problems[field] = 'Fill this in.'
  const names = values.env.map(({ name }) => name.trim())
  values.env.forEach(({ name, value }, at) => {
    const trimmed = name.trim()
    if (trimmed === '' && value === '') return
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(trimmed))
      problems[`env.${at}.name`] = 'Letters, digits and _, not beginning with a digit.'
    else if (names.indexOf(trimmed) !== at) problems[`env.${at}.name`] = 'This name is there already.'
  })
  if (configOf(values.config) === undefined) problems['config'] = 'This is no JSON object.'
  return problems
}

function configOf(text: string): Record<string, unknown> | undefined {
  try {
    const config: unknown = JSON.parse(text.trim() === '' ? '{}' : text)
    const isObject = typeof config === 'object' && config !== null && !Array.isArray(config)
    return isObject ? (config as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** What of an agent will be different, for a PATCH; empty when nothing is. The values have no problems. */
export function changesOf(agent: Agent, values: SettingsValues): Changes {
  const wanted = {
    name: values.name.trim(),
    resources: {
      cpus: Number(values.cpus),
      memoryMb: Number(values.memoryMb),
      diskMb: Number(values.diskMb),
      pids: Number(values.pids),
    },
    image: values.image.trim() || null,
    command: values.command === '' ? null : values.command.replace(/\n$/, '').split('\n'),
    port: values.port === '' ? null : Number(values.port),
    env: Object.fromEntries(
      values.env.filter(({ name }) => name.trim() !== '').map(({ name, value }) => [name.trim(), value]),
    ),
    config: configOf(values.config) ?? {},
  }
  const differs = (field: keyof typeof wanted) => sorted(wanted[field]) !== sorted(agent[field])
  return {
    ...(differs('name') && { name: wanted.name }),
    ...(differs('resources') && { resources: wanted.resources }),
    ...(wanted.image !== null && differs('image') && { image: wanted.image }),
    ...(differs('command') && { command: wanted.command }),
    ...(differs('port') && { port: wanted.port }),
    ...(differs('env') && { env: wanted.env }),
    ...(differs('config') && { config: wanted.config }),
  }
}

/** JSON in which the order of names makes no difference. */
const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

/** Whether an agent's settings are others than they were. */
export const hasChanged = (before: Agent, now: Agent): boolean =>
  Object.keys(changesOf(before, valuesOf(now))).length > 0

/** Whether a change takes effect only when the agent is started again. */
export const needsRestart = ({ name: _, ...others }: Changes): boolean => Object.keys(others).length > 0

/** The api's words about fields at the fields of this form: `env.NAME` stands in some row. */
export function placedErrors(errors: Record<string, string>, env: readonly EnvRow[]): Record<string, string> {
  const placed = Object.entries(errors).map(([path, message]) => {
    const [top = '', inner = ''] = path.split('.')
    if (top === 'resources' && inner !== '') return [inner, message]
    if (top !== 'env') return [top, inner !== '' && top !== 'command' ? `${inner}: ${message}` : message]
    const row = env.findIndex(({ name }) => name.trim() === inner)
    return [row >= 0 ? `env.${row}.value` : 'env', message]
  })
  return Object.fromEntries(placed)
}
