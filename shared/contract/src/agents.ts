import { type Static, Type } from 'typebox'
import { Operation, OperationSummary } from './operations.ts'
import { lineOfText, oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

export const agentStates = [
  'queued',
  'provisioning',
  'running',
  'stopping',
  'stopped',
  'degraded',
  'error',
  'deleting',
] as const
export const AgentState = oneOf(agentStates)

/** The most processes an agent may be given; the other limits are the operator's. */
export const mostPids = 32_768

export const Resources = Type.Object({
  cpus: Type.Number(),
  memoryMb: Type.Integer(),
  diskMb: Type.Integer(),
  pids: Type.Integer(),
})
export type Resources = Static<typeof Resources>

/** The runtime's defaults stand for what is left out. The upper bounds are what the columns hold; quotas are lower. */
const AskedResources = Type.Object(
  {
    cpus: Type.Optional(Type.Number({ minimum: 0.01, maximum: 9999, description: 'Kept to a thousandth' })),
    memoryMb: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    diskMb: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    pids: Type.Optional(Type.Integer({ minimum: 1, maximum: mostPids })),
  },
  { additionalProperties: false },
)

const Name = lineOfText(64)
const Image = lineOfText(512)
const Env = Type.Record(
  Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' }),
  Type.String({ maxLength: 8192 }),
  { maxProperties: 100, additionalProperties: false, description: 'For non-secrets only' },
)
const Config = Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.Unknown(), {
  maxProperties: 100,
})
const Command = Type.Array(Type.String({ maxLength: 8192 }), { minItems: 1, maxItems: 100 })
const Port = Type.Integer({ minimum: 1, maximum: 65_535 })
const KeyIds = Type.Array(Uuid, { maxItems: 50, uniqueItems: true })

export const CreateAgent = Type.Object(
  {
    name: Name,
    runtime: Type.String({ minLength: 1, maxLength: 64 }),
    image: Type.Optional(Image),
    target: Type.Optional(Type.String({ minLength: 1, maxLength: 64, default: 'docker' })),
    sandboxProfile: Type.Optional(Type.String({ minLength: 1, maxLength: 64, default: 'standard' })),
    resources: Type.Optional(AskedResources),
    providerKeyIds: Type.Optional(KeyIds),
    env: Type.Optional(Env),
    config: Type.Optional(Config),
    command: Type.Optional(Command),
    port: Type.Optional(Port),
  },
  { $id: 'CreateAgent', additionalProperties: false },
)
export type CreateAgent = Static<typeof CreateAgent>

export const UpdateAgent = Type.Object(
  {
    name: Type.Optional(Name),
    image: Type.Optional(Image),
    resources: Type.Optional(AskedResources),
    providerKeyIds: Type.Optional(KeyIds),
    env: Type.Optional(Env),
    config: Type.Optional(Config),
    command: Type.Optional(orNull(Command)),
    port: Type.Optional(orNull(Port)),
  },
  {
    $id: 'UpdateAgent',
    additionalProperties: false,
    minProperties: 1,
    description:
      '`name` changes at once and always. `image`, `command`, `env`, `config`, `port` and `resources` (each replaces what was there) make a new `generation`: a running agent goes on with the old one until the next start, restart or redeploy, and `observedGeneration` says which one runs. `providerKeyIds` replaces the list of attached keys without a new generation, and syncs a running agent. All but `name` are 409 `agent-busy` while an operation is open.',
  },
)
export type UpdateAgent = Static<typeof UpdateAgent>

const AttachedKey = Type.Object({
  id: Uuid,
  label: orNull(Type.String({ description: 'null: the key belongs to somebody who has not shared it' })),
  syncedSecretVersion: orNull(Type.Integer()),
  syncedAt: orNull(Time),
})

const summary = {
  id: Uuid,
  name: Type.String(),
  runtime: Type.String(),
  image: orNull(Type.String()),
  target: Type.String(),
  sandboxProfile: Type.String(),
  resources: Resources,
  diskEnforced: orNull(
    Type.Boolean({
      description: 'Whether the storage itself enforces the limit; null before the first provisioning',
    }),
  ),
  state: AgentState,
  stateReason: Type.String(),
  desiredState: oneOf(['running', 'stopped', 'deleted']),
  generation: Type.Integer(),
  observedGeneration: Type.Integer(),
  providerKeys: Type.Array(AttachedKey),
  createdBy: Uuid,
  createdAt: Time,
  updatedAt: Time,
  operation: orNull(OperationSummary),
}

/** An agent as lists show it. `operation` is the newest one, open or ended. */
export const AgentSummary = Type.Object(summary, { $id: 'AgentSummary', additionalProperties: false })
export type AgentSummary = Static<typeof AgentSummary>

/** An agent with all that it was asked to be. */
export const Agent = Type.Object(
  {
    ...summary,
    env: Type.Record(Type.String(), Type.String()),
    config: Type.Record(Type.String(), Type.Unknown()),
    command: orNull(Type.Array(Type.String())),
    port: orNull(Type.Integer()),
    notice: Type.Optional(Type.String({ description: 'What this change could not do.' })),
  },
  { $id: 'Agent', additionalProperties: false },
)
export type Agent = Static<typeof Agent>

export const AgentPage = pageOf(AgentSummary)
export type AgentPage = Static<typeof AgentPage>
export const AgentQuery = Type.Object(
  {
    ...PageQuery,
    state: Type.Optional(AgentState),
    q: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'Part of the name' })),
  },
  { additionalProperties: false },
)
export type AgentQuery = Static<typeof AgentQuery>

export const DeleteAgentQuery = Type.Object(
  { keepData: Type.Optional(Type.Boolean({ default: false, description: 'Leave the state volume' })) },
  { additionalProperties: false },
)

export const SyncKeys = Type.Object(
  {
    providerKeyIds: Type.Optional({
      ...KeyIds,
      description: 'Replaces the list of attached keys; left out, the attached ones are delivered again.',
    }),
  },
  { $id: 'SyncKeys', additionalProperties: false },
)
export type SyncKeys = Static<typeof SyncKeys>

export const OperationPage = pageOf(Operation)
export const OperationQuery = Type.Object(PageQuery, { additionalProperties: false })
