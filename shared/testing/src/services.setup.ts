import type { TestProject } from 'vitest/node'
import { type PostgresServer, startPostgresServer } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: PostgresServer
  }
}

/** One Postgres for the run, with one migrated template database that each test file clones. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { server, stop } = await startPostgresServer(AbortSignal.timeout(240_000))
  project.provide('postgres', server)
  return stop
}
