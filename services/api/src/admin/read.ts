import type { Tx } from '@nora/db/actor'
import { type Asked, withAdminRead } from '@nora/db/admin-session'
import type { FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'

/** A read across all workspaces for the request's admin; Postgres writes down `what` and `how` before it shows a row. */
export const readAsAdmin = <T>(
  deps: Deps,
  { admin }: FastifyRequest,
  asked: Asked,
  run: (tx: Tx) => Promise<T>,
): Promise<T> => withAdminRead(deps.db, admin.proof, asked, admin, run)
