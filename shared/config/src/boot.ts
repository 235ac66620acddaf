import { ConfigError, type Environment } from './reader.ts'

/** sysexits.h EX_CONFIG: a supervisor that sees it does not try again, since nothing will have changed. */
export const refusedExitCode = 78

/**
 * Loads a service's configuration in its `main.ts`: on problems prints one line each to stderr and ends the process
 * with code 78. Anything else that `load` throws is a bug and is thrown on.
 */
export function loadOrRefuse<T>(load: (env: Environment) => T, env: Environment): T {
  try {
    return load(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) process.stderr.write(`refusing to start: ${problem}\n`)
    process.exit(refusedExitCode)
  }
}
