import type { Answered, Taken } from '@nora/client/api-types'

export type DeployOptions = Answered<'/api/deploy-options', 'get'>
export type RuntimeOption = DeployOptions['runtimes'][number]
export type CreateAgent = Taken<'/api/agents', 'post'>
export const sizes = ['cpus', 'memoryMb', 'diskMb', 'pids'] as const
export type Size = (typeof sizes)[number]
type Sizes = Record<Size, number>

/** What stands in the form. Numbers may be a text while somebody types. */
export type DeployValues = {
  name: string
  runtime: string
  image: string
  /** An argument a line. */
  command: string
  port: number | string
  probePath: string
  startSeconds: number | string
  statePath: string
  target: string
  sandboxProfile: string
  providerKeyIds: string[]
  /** By a key's id: the variable that the program finds it in. */
  keyEnv: Record<string, string>
  env: { name: string; value: string }[]
} & Record<Size, number | string>

const ofSizes = (give: (size: Size) => number): Sizes => ({
  cpus: give('cpus'),
  memoryMb: give('memoryMb'),
  diskMb: give('diskMb'),
  pids: give('pids'),
})

/** What a runtime begins with here: its defaults, or the operator's limit where that is lower. */
export const usualSizes = ({ defaults }: RuntimeOption, { quotas }: DeployOptions): Sizes =>
  ofSizes((size) => Math.min(defaults[size], quotas.perAgent[size]))

/** An empty form: the first runtime and the first places that can be chosen. */
export function emptyForm(options: DeployOptions): DeployValues {
  const runtime = options.runtimes[0]
  const firstOf = (choices: DeployOptions['targets']) =>
    choices.find(({ available }) => available)?.name ?? ''
  return {
    name: '',
    runtime: runtime?.name ?? '',
    image: '',
    command: '',
    port: '',
    probePath: '',
    startSeconds: '',
    statePath: '',
    target: firstOf(options.targets),
    sandboxProfile: firstOf(options.sandboxProfiles),
    providerKeyIds: [],
    keyEnv: {},
    env: [],
    ...(runtime ? usualSizes(runtime, options) : ofSizes(() => 0)),
  }
}

/** Whether the person brings the program, and so says how it is started, asked and kept. */
export const bringsImage = ({ asks }: Pick<RuntimeOption, 'asks'>): boolean => asks.image !== 'no'

/** The lines of a text as arguments; empty lines at its end are none. */
const argumentsOf = (text: string): string[] => {
  const lines = text.split(/\r?\n/)
  while (lines.at(-1)?.trim() === '') lines.pop()
  return lines
}

/** What is sent to the api: only what the runtime asks for, and only what was filled in. */
export function bodyOf(values: DeployValues, runtime: RuntimeOption): CreateAgent {
  const { asks } = runtime
  const command = asks.command === 'no' ? [] : argumentsOf(values.command)
  const config = bringsImage(runtime) ? configOf(values) : {}
  const env = values.env.filter(({ name, value }) => name.trim() !== '' || value !== '')
  return {
    name: values.name.trim(),
    runtime: runtime.name,
    target: values.target,
    sandboxProfile: values.sandboxProfile,
    resources: ofSizes((size) => Number(values[size])),
    ...(asks.image !== 'no' && values.image.trim() !== '' && { image: values.image.trim() }),
    ...(command.length > 0 && { command }),
    ...(asks.port !== 'no' && values.port !== '' && { port: Number(values.port) }),
    ...(values.providerKeyIds.length > 0 && { providerKeyIds: values.providerKeyIds }),
    ...(env.length > 0 && { env: Object.fromEntries(env.map(({ name, value }) => [name.trim(), value])) }),
    ...(Object.keys(config).length > 0 && { config }),
  }
}

/** The chosen keys that have a variable, by its name. */
export const keyVariables = ({ providerKeyIds, keyEnv }: DeployValues): [string, string][] =>
  providerKeyIds.flatMap((id) => {
    const name = keyEnv[id]?.trim() ?? ''
    return name === '' ? [] : [[name, id]]
  })

function configOf(values: DeployValues): Record<string, unknown> {
  const { probePath, startSeconds, statePath } = values
  const variables = keyVariables(values)
  return {
    ...(variables.length > 0 && { keyEnv: Object.fromEntries(variables) }),
    ...(probePath.trim() !== '' && { probePath: probePath.trim() }),
    ...(startSeconds !== '' && { startSeconds: Number(startSeconds) }),
    ...(statePath.trim() !== '' && { statePath: statePath.trim() }),
  }
}

/** A key for a request that makes something once: the same for the same body, so that sending it again makes nothing more. */
export type Once = { body: string; key: string }

export function onceFor(before: Once | undefined, body: unknown, random: () => string): Once {
  const text = JSON.stringify(body)
  return before?.body === text ? before : { body: text, key: random() }
}
