import { readFileSync } from 'node:fs'
import { describeVariable, type Service, type VariableName, variableNames } from './variables.ts'
import { isPlaceholder, weaknessOf } from './weakness.ts'

/** Boot is refused: one line a problem, each naming the variable and what to do. Never contains a value. */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`configuration refused:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

export type Environment = Record<string, string | undefined>
export type NodeEnv = 'production' | 'development' | 'test'

export const commands = {
  hex32: 'openssl rand -hex 32',
  seed: "openssl rand 32 | basenc --base64url | tr -d '=\\n'",
} as const

/**
 * Reads one service's variables and collects every problem, so that an operator sees them all at once.
 * An empty value counts as unset. `finish` throws ConfigError when there was any problem.
 */
export function createReader(env: Environment, service: Service) {
  const problems: string[] = []
  const named = env['NODE_ENV']
  // Production is the default: a misspelt name must not relax anything.
  const nodeEnv: NodeEnv = named === 'development' || named === 'test' ? named : 'production'
  const production = nodeEnv === 'production'

  const problem = (name: VariableName, text: string) => {
    problems.push(`${name} ${text}`)
  }

  function raw(name: VariableName): string | undefined {
    const facts = describeVariable(name)
    if (!facts.readBy.includes(service)) throw new Error(`${service} does not read ${name}`)
    const direct = env[name]?.trim() || undefined
    const file = facts.secret ? env[`${name}_FILE`]?.trim() || undefined : undefined
    if (!file) return direct
    if (direct) problem(name, `is given twice: keep ${name} or ${name}_FILE, not both`)
    try {
      const content = readFileSync(file, 'utf8').trim()
      if (!content) problem(name, `is empty: write the value into ${file}`)
      return content || undefined
    } catch (error) {
      problem(name, `cannot be read from its _FILE ${file}: ${(error as NodeJS.ErrnoException).code}`)
      return undefined
    }
  }

  function required(name: VariableName, how: string): string | undefined {
    const alreadyBroken = problems.length
    const value = raw(name)
    if (value === undefined && problems.length === alreadyBroken) problem(name, `is missing: ${how}`)
    return value
  }

  /** A required secret text; in production at least `minBytes`, no placeholder, not regular. */
  function strongSecret(name: VariableName, how: string, minBytes = 32): string | undefined {
    const value = required(name, how)
    if (value !== undefined) checkStrength(name, value, how, minBytes)
    return value
  }

  function checkStrength(name: VariableName, value: string, how: string, minBytes: number) {
    const weakness = production ? weaknessOf(value, minBytes) : undefined
    if (weakness) problem(name, `${weakness}: ${how}`)
  }

  /** A value that `parse` turns into something; undefined from `parse` is the problem `expected`. */
  function parsed<T>(
    name: VariableName,
    expected: string,
    parse: (v: string) => T | undefined,
  ): T | undefined {
    const value = raw(name)
    if (value === undefined) return undefined
    const result = parse(value)
    if (result === undefined) problem(name, `must be ${expected}`)
    return result
  }

  function number(
    name: VariableName,
    fallback: number,
    bounds: { min: number; max: number; integer?: boolean },
  ): number {
    const kind = bounds.integer === false ? 'a number' : 'a whole number'
    const value = parsed(name, `${kind} from ${bounds.min} to ${bounds.max}`, (text) => {
      const result = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
      if (bounds.integer !== false && !Number.isInteger(result)) return undefined
      return result >= bounds.min && result <= bounds.max ? result : undefined
    })
    return value ?? fallback
  }

  const boolean = (name: VariableName, fallback: boolean): boolean =>
    parsed(name, '`true` or `false`', (text) =>
      text === 'true' ? true : text === 'false' ? false : undefined,
    ) ?? fallback

  const list = (name: VariableName): string[] =>
    (raw(name) ?? '')
      .split(',')
      .map((item) => item.trim())
      .filter(Boolean)

  const oneOf = <T extends string>(name: VariableName, allowed: readonly T[], fallback: T): T =>
    parsed(name, `one of ${allowed.join(', ')}`, (text) => allowed.find((one) => one === text)) ?? fallback

  function refuseMisplaced() {
    if (!production) return
    for (const name of variableNames) {
      const { forbiddenTo, secret } = describeVariable(name)
      // What stands between the worker and the engine needs no secret at all.
      if (!forbiddenTo?.includes(service) && !(service === 'engine-proxy' && secret)) continue
      for (const given of [name, `${name}_FILE`]) {
        if (env[given])
          problems.push(`${given} must not be given to ${service}: remove it from its environment`)
      }
    }
  }

  function finish<T extends object>(config: { [K in keyof T]: T[K] }): Readonly<T> {
    refuseMisplaced()
    if (problems.length > 0) throw new ConfigError(problems)
    return Object.freeze(config)
  }

  return {
    ...{ nodeEnv, production, problem, raw, required, strongSecret, checkStrength, parsed, number, boolean },
    ...{ list, oneOf, finish, isPlaceholder },
  }
}

export type Reader = ReturnType<typeof createReader>
