import type { Stack } from './stack.ts'

/**
 * What `ownMs` asks beside what it measures: Postgres and the engine, which are as late as this machine is busy. Neither the api nor a
 * worker is asked, so that what they stand still by themselves stays in the measure.
 */
export const machineOf =
  ({ database, docker }: Stack) =>
  (): Promise<unknown> =>
    Promise.all([database.asSuperuser('select 1'), docker.ping()])
