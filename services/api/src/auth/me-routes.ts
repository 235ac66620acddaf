import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ChangeMe, Me } from '@nora/contract/auth'
import { myAccount, myWorkspaces, renameMe } from '@nora/db/accounts'
import { type Tx, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { ownSession } from '@nora/db/sessions'
import type { Deps } from '../deps.ts'
import { csrfToken } from '../http/csrf.ts'
import type { RequestActor } from '../http/sessions.ts'

/** Who is signed in, and what they are called. */
export const meRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  app.get(
    '/auth/me',
    { config: { access: 'session' }, schema: { response: { 200: Me } } },
    async ({ actor: who }) => withActor(deps.db, who.actor, (tx) => me(deps, tx, who)),
  )

  app.patch(
    '/auth/me',
    { config: { access: 'session' }, schema: { body: ChangeMe, response: { 200: Me } } },
    async ({ actor: who, body: { name } }) =>
      withActor(deps.db, who.actor, async (tx) => {
        await renameMe(tx, who.userId, name)
        // Names are no secret, but the audit log says what happened and is no store of them.
        await audit(tx, {
          type: 'USER_RENAMED',
          actor: { kind: 'user', id: who.userId },
          workspaceId: who.workspaceId,
          target: { kind: 'user', id: who.userId },
          ip: who.ip,
          correlationId: who.correlationId,
        })
        return me(deps, tx, who)
      }),
  )
}

async function me(deps: Deps, tx: Tx, { actor, userId }: RequestActor): Promise<Me> {
  const workspaces = await myWorkspaces(tx)
  const { id, createdAt, steppedUpUntil } = await ownSession(tx, actor.sessionId)
  return {
    user: await myAccount(tx, userId),
    csrfToken: csrfToken(deps.config, id),
    personalWorkspaceId: workspaces.find((workspace) => workspace.personal)!.id,
    workspaces: workspaces.map((workspace) => ({
      id: workspace.id,
      name: workspace.name,
      role: workspace.role,
    })),
    session: {
      id,
      createdAt: createdAt.toISOString(),
      steppedUpUntil: steppedUpUntil?.toISOString() ?? null,
    },
  }
}
