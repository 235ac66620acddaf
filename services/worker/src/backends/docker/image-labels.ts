import { BackendError } from '../backend.ts'

const mostLabels = 200
const mostCharacters = 256

/**
 * The engine adds an image's labels to its container's, so that whoever made the image would speak by them to software beside us that acts
 * on labels (reverse proxies, updaters, schedulers, Compose, which would remove a part of the stack for one that says it is that part).
 * Each is given the empty value here, which wins over the image's; ours are to come after.
 * Throws `container-invalid` for an image with more than 200 labels, or with a name longer than 256 characters.
 */
export function silencedLabels(labels: Record<string, string>): Record<string, string> {
  const names = Object.keys(labels)
  if (names.length > mostLabels)
    refuse(`${names.length} labels, of which ${mostLabels} are taken at the most`)
  const long = names.find((name) => name.length > mostCharacters)
  if (long !== undefined)
    refuse(
      `a label whose name has ${long.length} characters, of which ${mostCharacters} are taken at the most`,
    )
  return Object.fromEntries(names.map((name) => [name, '']))
}

function refuse(what: string): never {
  const message = `The image has ${what}: build it with fewer or shorter ones.`
  throw new BackendError('container-invalid', message, { retry: false })
}
