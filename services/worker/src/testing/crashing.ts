import type { RunDeps } from '../operations/run.ts'
import type { Action } from '../reconcile/plan.ts'

/** Stands around the real work of a step. */
export type Around = <T>(action: Action, work: () => Promise<T>) => Promise<T>

/** The same parts with `around` in the way of every step's effect on the world. */
export function interposing(deps: RunDeps, around: Around): RunDeps {
  const within =
    <A extends unknown[], T>(action: Action, run: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      around(action, () => run(...args))
  const { backend, dataplane, keys } = deps
  return {
    ...deps,
    backend: {
      ...backend,
      ensureImage: within('ensure-image', backend.ensureImage),
      ensureNetwork: within('ensure-network', backend.ensureNetwork),
      ensureStorage: within('ensure-storage', backend.ensureStorage),
      ensureContainer: within('ensure-container', backend.ensureContainer),
      start: within('start', backend.start),
      reload: within('reload-keys', backend.reload),
      restoreName: within('restore-name', backend.restoreName),
      stop: within('stop', backend.stop),
      removeContainer: within('remove-container', backend.removeContainer),
      removeNetwork: within('remove-network', backend.removeNetwork),
      removeStorage: within('remove-storage', backend.removeStorage),
    },
    dataplane: {
      attach: within('attach-gateway', dataplane.attach),
      pushRoutes: within('route', dataplane.pushRoutes),
      probe: within('await-healthy', dataplane.probe),
    },
    keys: {
      ...keys,
      deliver: within('deliver-keys', keys.deliver),
      remove: within('remove-keys', keys.remove),
    },
  }
}

/**
 * The same parts, which do their work for real and then "die" (throw) the first time each step did it: after its
 * effect on the world, before anything of it is written down. `died` collects the steps.
 */
export function crashingAfterEach(deps: RunDeps, died: Action[]): RunDeps {
  return interposing(deps, async (action, work) => {
    const result = await work()
    if (died.includes(action)) return result
    died.push(action)
    throw new Error(`injected after ${action}`)
  })
}
