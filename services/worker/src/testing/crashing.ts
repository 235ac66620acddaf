import type { RunDeps } from '../operations/run.ts'
import type { Action } from '../reconcile/plan.ts'

/**
 * The same parts, which do their work for real and then "die" (throw) the first time each step did it: after its
 * effect on the world, before anything of it is written down. `died` collects the steps.
 */
export function crashingAfterEach(deps: RunDeps, died: Action[]): RunDeps {
  const dies =
    <A extends unknown[], T>(action: Action, run: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      const result = await run(...args)
      if (died.includes(action)) return result
      died.push(action)
      throw new Error(`injected after ${action}`)
    }
  const { backend, dataplane, keys } = deps
  return {
    ...deps,
    backend: {
      ...backend,
      ensureImage: dies('ensure-image', backend.ensureImage),
      ensureNetwork: dies('ensure-network', backend.ensureNetwork),
      ensureStorage: dies('ensure-storage', backend.ensureStorage),
      ensureContainer: dies('ensure-container', backend.ensureContainer),
      start: dies('start', backend.start),
      reload: dies('reload-keys', backend.reload),
      stop: dies('stop', backend.stop),
      removeContainer: dies('remove-container', backend.removeContainer),
      removeNetwork: dies('remove-network', backend.removeNetwork),
      removeStorage: dies('remove-storage', backend.removeStorage),
    },
    dataplane: {
      attach: dies('attach-gateway', dataplane.attach),
      pushRoutes: dies('route', dataplane.pushRoutes),
      probe: dies('await-healthy', dataplane.probe),
    },
    keys: { ...keys, deliver: dies('deliver-keys', keys.deliver), remove: dies('remove-keys', keys.remove) },
  }
}
