import { type Static, Type } from 'typebox'
import { oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const
const State = oneOf([
  'queued',
  'provisioning',
  'running',
  'stopping',
  'stopped',
  'degraded',
  'error',
  'deleting',
])

/** An agent as those see it who run the server: where it stands and what it takes; nothing that it knows, prints or was told. */
export const AdminAgent = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    workspace: Type.Object({ id: Uuid, name: Type.String() }, strict),
    owner: Type.Object({ id: Uuid, email: Type.String() }, strict),
    runtime: Type.String(),
    target: Type.String(),
    sandboxProfile: Type.String(),
    resources: Type.Object(
      { cpus: Type.Number(), memoryMb: Type.Integer(), diskMb: Type.Integer(), pids: Type.Integer() },
      strict,
    ),
    diskEnforced: orNull(Type.Boolean()),
    state: State,
    stateSince: Time,
    why: orNull(
      Type.String({
        description: 'What its newest operation waits for, how it failed, or with what it ended',
      }),
    ),
    desiredState: oneOf(['running', 'stopped', 'deleted']),
    unhealthy: Type.Boolean(),
    crashCount: Type.Integer(),
    generation: Type.Integer(),
    observedGeneration: Type.Integer(),
    worker: orNull(Type.String({ description: 'That works on it, or else reads its log' })),
    operation: orNull(
      Type.Object(
        {
          id: Uuid,
          kind: Type.String(),
          status: oneOf(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
          attempt: Type.Integer(),
        },
        strict,
      ),
    ),
    createdAt: Time,
    updatedAt: Time,
  },
  { ...strict, $id: 'AdminAgent' },
)
export type AdminAgent = Static<typeof AdminAgent>

export const AdminAgentPage = pageOf(AdminAgent)
export const AdminAgentQuery = Type.Object(
  {
    ...PageQuery,
    state: Type.Optional(State),
    workspace: Type.Optional(Uuid),
    owner: Type.Optional(Uuid),
  },
  { ...strict, description: 'Newest first.' },
)
export type AdminAgentQuery = Static<typeof AdminAgentQuery>
