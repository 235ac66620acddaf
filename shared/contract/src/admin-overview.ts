import { type Static, Type } from 'typebox'
import { AdminAuditItem } from './admin-audit.ts'
import { AdminSettings } from './admin-server.ts'
import { agentStates } from './agents.ts'
import { oneOf, orNull } from './wire.ts'

const strict = { additionalProperties: false } as const
const { signUp, signInProviders, errorReports, quotas } = AdminSettings.properties

/** How the whole server is, in one call. */
export const AdminOverview = Type.Object(
  {
    users: Type.Object({ all: Type.Integer(), disabled: Type.Integer(), admins: Type.Integer() }, strict),
    agents: Type.Object(
      {
        all: Type.Integer(),
        byState: Type.Array(Type.Object({ state: oneOf(agentStates), count: Type.Integer() }, strict), {
          description: 'Every state, also those that no agent is in',
        }),
        unhealthy: Type.Integer({ description: 'That run and do not answer their health check' }),
      },
      strict,
    ),
    queue: Type.Object(
      {
        queued: Type.Integer(),
        running: Type.Integer(),
        failed: Type.Integer({ description: 'In the last 24 h' }),
        oldestSeconds: orNull(Type.Integer({ description: 'Age of the open one that was asked for first' })),
      },
      strict,
    ),
    workers: Type.Object(
      { live: Type.Integer(), silent: Type.Integer({ description: 'Not heard of for 15 s' }) },
      strict,
    ),
    troubles: Type.Array(AdminAuditItem, {
      description:
        'What went wrong in the last seven days, the newest first, at most twenty: failures, and security events.',
    }),
    settings: Type.Object({ signUp, signInProviders, errorReports, quotas }, strict),
  },
  { ...strict, $id: 'AdminOverview' },
)
export type AdminOverview = Static<typeof AdminOverview>
