import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  AdminUser,
  AdminUserDetail,
  AdminUserPage,
  AdminUserQuery,
  ChangeUser,
  SignedOutUser,
} from '@nora/contract/admin-users'
import { NoBody, Uuid } from '@nora/contract/wire'
import {
  type AdminUserRow,
  adminUser,
  adminUsers,
  changeUser,
  decodeUserCursor,
  signOutUser,
} from '@nora/db/admin-users'
import { DomainError } from '@nora/domain/errors'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { readAsAdmin } from './read.ts'

const Id = Type.Object({ id: Uuid }, { additionalProperties: false })

/** `admin/users`: everybody who has an account, and what an admin may do with one. */
export const adminUserRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/users',
    {
      config: { access: 'platform-admin' },
      schema: { querystring: AdminUserQuery, response: { 200: AdminUserPage } },
    },
    async (request) => {
      const { limit = 50, cursor, ...filter } = request.query
      const after = cursor === undefined ? undefined : decodeUserCursor(cursor)
      const { rows, nextCursor } = await readAsAdmin(
        deps,
        request,
        { what: 'users', how: { ...request.query } },
        (tx) => adminUsers(tx, { ...filter, after, limit }),
      )
      return { items: rows.map(userView), nextCursor }
    },
  )

  app.get(
    '/users/:id',
    { config: { access: 'platform-admin' }, schema: { params: Id, response: { 200: AdminUserDetail } } },
    async (request) => {
      const { id } = request.params
      const found = await readAsAdmin(deps, request, { what: 'user', how: { id } }, (tx) => adminUser(tx, id))
      if (!found) throw new DomainError('not-found')
      const { memberships, agents, sessions, adminSessions } = found
      return {
        ...userView(found),
        ...{ agents, sessions, adminSessions },
        memberships: memberships.map(({ since, ...one }) => ({ ...one, since: since.toISOString() })),
      }
    },
  )

  app.patch(
    '/users/:id',
    {
      config: { access: 'platform-admin' },
      schema: { params: Id, body: ChangeUser, response: { 200: AdminUser } },
    },
    async ({ admin, params, body }) =>
      userView(await changeUser(deps.db, admin.proof, params.id, body, admin)),
  )

  app.post(
    '/users/:id/sign-out',
    {
      // Who is signed out stays so.
      config: { access: 'platform-admin', idempotency: 'none' },
      schema: { params: Id, body: NoBody, response: { 200: SignedOutUser } },
    },
    async (request) => ({
      sessionsRevoked: await signOutUser(deps.db, request.admin.proof, request.params.id, request.admin),
    }),
  )
}

const userView = ({ id, email, name, platformRole, ...times }: AdminUserRow): AdminUser => ({
  ...{ id, email, name, platformRole },
  disabledAt: times.disabledAt?.toISOString() ?? null,
  createdAt: times.createdAt.toISOString(),
  lastSeenAt: times.lastSeenAt?.toISOString() ?? null,
})
