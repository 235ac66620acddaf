import { exactly, fields, isObject, type Rule, recordOf } from './rules.ts'

/**
 * These labels, and besides them any with the empty value, which say nothing: those by which the worker silences its image's
 * (silencedLabels of its image-labels.ts). That none of the image's is left out `spokenLabel` looks.
 */
export const silencing =
  (own: Record<string, Rule>): Rule =>
  (value, path) => {
    if (!isObject(value)) return `${path} must be an object`
    const some = (isWanted: (name: string) => boolean) =>
      Object.fromEntries(Object.entries(value).filter(([name]) => isWanted(name)))
    const others = some((name) => !Object.hasOwn(own, name))
    const ours = some((name) => Object.hasOwn(own, name))
    return recordOf(/^.{0,256}$/s, exactly(''), 200)(others, path) ?? fields(own)(ours, path)
  }

/** A label that the image would speak by, since the container's do not name it. */
export const spokenLabel = (image: Record<string, unknown>, labels: Record<string, unknown>) =>
  Object.keys(image).find((name) => !Object.hasOwn(labels, name))
