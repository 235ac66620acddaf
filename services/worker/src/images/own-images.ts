import type Docker from 'dockerode'
import { BackendError } from '../backends/backend.ts'
import { engineCall } from '../backends/docker/engine.ts'
import { assembleImage, type OwnImage } from './assemble.ts'
import type { AssembledImage } from './build.ts'

/** One of our own images on this engine, by its name. */
export type OwnImages = (name: OwnImage, signal: AbortSignal) => Promise<AssembledImage>

/** The variable that names an image of ours that set-up has assembled. */
export const givenBy = {
  gateway: 'NORA_IMAGE_GATEWAY',
  'starter-agent': 'NORA_IMAGE_STARTER_AGENT',
} as const satisfies Record<OwnImage, string>

/**
 * Our own images: those that are given (an id or a reference) are looked for and never built, the others are assembled.
 * `image-not-found`, retry: a given one is not on this engine; the message names the variable and what to do.
 */
export function ownImages(docker: Docker, given: { [N in OwnImage]?: string | undefined } = {}): OwnImages {
  return async (name, signal) => {
    const wanted = given[name]
    if (wanted === undefined) return assembleImage(docker, name, signal)
    const found = await engineCall(
      `looking for the image of the ${name}`,
      signal,
      (abortSignal) => docker.getImage(wanted).inspect({ abortSignal } as Docker.ImageInspectOptions),
      { ignore: [404] },
    )
    // By its id, so that what runs is what was looked at, wherever a tag points later.
    if (found) return { reference: found.Id, id: found.Id }
    const message = `The image ${wanted.slice(0, 100)}, which ${givenBy[name]} names, is not on this engine: run ./setup.sh again, which assembles it and writes its id.`
    throw new BackendError('image-not-found', message, { retry: true })
  }
}
