import { BackendError } from '../backends/backend.ts'
import type { OwnImages } from '../images/own-images.ts'
import type { LocalImageName } from '../reconcile/target.ts'
import type { LocalImages } from './run.ts'

/** Our own images, as operations ask for them. Errors are `BackendError`s that may be retried. */
export function localImages(image: OwnImages): LocalImages {
  const known = new Map<LocalImageName, string>()
  const assemble = async (name: LocalImageName, signal: AbortSignal): Promise<string> => {
    try {
      const { reference } = await image(name, signal)
      known.set(name, reference)
      return reference
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (error instanceof BackendError) throw error
      const words = `image ${name} could not be assembled: ${error instanceof Error ? error.message : 'no reason'}`
      throw new BackendError('engine-error', words, { retry: true, cause: error })
    }
  }
  return {
    isKnown: (name) => known.has(name),
    reference: async (name, signal) => known.get(name) ?? assemble(name, signal),
    assemble: async (name, signal) => {
      await assemble(name, signal)
    },
  }
}
