import { isDeepStrictEqual } from 'node:util'

/**
 * Judges one value of a body: undefined when it is allowed, else what is wrong, beginning with the path of the field.
 * An absent field is judged as undefined.
 */
export type Rule = (value: unknown, path: string) => string | undefined

/** This value and no other, compared deeply. */
export const exactly =
  (wanted: unknown): Rule =>
  (value, path) =>
    isDeepStrictEqual(value, wanted) ? undefined : `${path} must be ${shown(wanted)}`

export const optional =
  (rule: Rule): Rule =>
  (value, path) =>
    value === undefined ? undefined : rule(value, path)

export const flag: Rule = (value, path) =>
  typeof value === 'boolean' ? undefined : `${path} must be true or false`

/** A text that the whole pattern matches; `words` says what that is. */
export const text =
  (pattern: RegExp, words: string): Rule =>
  (value, path) =>
    typeof value === 'string' && pattern.test(value) ? undefined : `${path} must be ${words}`

export const whole =
  (min: number, max: number): Rule =>
  (value, path) =>
    Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
      ? undefined
      : `${path} must be a whole number from ${min} to ${max}`

export const listOf =
  (rule: Rule, most: number): Rule =>
  (value, path) => {
    if (!Array.isArray(value)) return `${path} must be a list`
    if (value.length > most) return `${path} has more than ${most} entries`
    return first(value.map((one, index) => () => rule(one, `${path}[${index}]`)))
  }

/** An object whose keys are free within the pattern. */
export const recordOf =
  (keys: RegExp, rule: Rule, most: number): Rule =>
  (value, path) => {
    if (!isObject(value)) return `${path} must be an object`
    const names = Object.keys(value)
    if (names.length > most) return `${path} has more than ${most} entries`
    return first(
      names.map((name) => () => {
        if (!keys.test(name)) return `${at(path, name)} is not allowed`
        return rule(value[name], at(path, name))
      }),
    )
  }

/**
 * An object of exactly these fields, in exactly this case: the engine matches names of fields without regard to case and
 * takes the last of two, so whatever is not spelt as it is here is refused.
 */
export const fields =
  (rules: Record<string, Rule>): Rule =>
  (value, path) => {
    if (!isObject(value)) return `${path || 'The body'} must be an object`
    const unknown = Object.keys(value).find((name) => !Object.hasOwn(rules, name))
    if (unknown !== undefined) return `${at(path, unknown)} is not allowed`
    return first(
      Object.entries(rules).map(
        ([name, rule]) =>
          () =>
            rule(value[name], at(path, name)),
      ),
    )
  }

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const at = (path: string, name: string) => `${path === '' ? '' : `${path}.`}${printable(name)}`

const first = (checks: (() => string | undefined)[]): string | undefined => {
  for (const check of checks) {
    const problem = check()
    if (problem !== undefined) return problem
  }
  return undefined
}

const shown = (value: unknown) => (value === undefined ? 'absent' : printable(JSON.stringify(value), 200))

/** Somebody's text as it may stand in a message or a log. */
export const printable = (some: string, most = 60): string =>
  `${some.slice(0, most).replaceAll(/[^ -~]/g, '?')}${some.length > most ? '…' : ''}`
