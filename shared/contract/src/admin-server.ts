import { type Static, Type } from 'typebox'
import { oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const
const Settings = Type.Record(Type.String(), Type.Unknown())

/** `silent`: not heard of for 15 s; one that stopped in order is gone at once, another after a day. */
export const AdminWorker = Type.Object(
  {
    id: Type.String(),
    health: oneOf(['live', 'silent']),
    version: orNull(Type.String({ description: 'null: of a worker that does not say' })),
    startedAt: Time,
    lastSeenAt: Time,
    keyVersion: Type.Integer({ description: 'Of the encryption key that it seals with' }),
    keyIds: Type.Array(Type.String({ description: 'Of a key that it opens with; the current one first' })),
    operations: Type.Integer({ description: 'That it has leased' }),
    leaseUntil: orNull({ ...Time, description: 'When the first of those leases ends unless it is renewed' }),
    gateways: Type.Integer({ description: 'That it keeps' }),
    logs: Type.Integer({ description: 'Of agents, that it reads' }),
  },
  { ...strict, $id: 'AdminWorker' },
)
export type AdminWorker = Static<typeof AdminWorker>
export const AdminWorkerPage = pageOf(AdminWorker)
export const AdminWorkerQuery = Type.Object(PageQuery, strict)

/** What each process was started with, `since` when; no secret. It is changed in the process's environment, and by a new start. */
export const AdminSettings = Type.Object(
  {
    version: Type.String(),
    installation: Type.Object({ id: Uuid, claimedAt: orNull(Time) }, strict),
    signUp: Type.Object({ enabled: Type.Boolean(), captcha: orNull(Type.String()) }, strict),
    signInProviders: Type.Array(Type.Object({ id: Type.String(), name: Type.String() }, strict), {
      description: 'Who else may say who somebody is, as the api was started',
    }),
    errorReports: orNull(
      Type.Object(
        { host: Type.String() },
        { ...strict, description: 'Where the api reports errors to; null: nowhere' },
      ),
    ),
    quotas: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          limit: Type.Number(),
          per: oneOf(['server', 'workspace', 'agent']),
          used: orNull(Type.Number({ description: 'null where it is counted for each by itself' })),
        },
        strict,
      ),
    ),
    services: Type.Array(Type.Object({ service: Type.String(), since: Time, settings: Settings }, strict)),
  },
  { ...strict, $id: 'AdminSettings' },
)
export type AdminSettings = Static<typeof AdminSettings>

/**
 * `staged`: workers know it, the api that answers still seals with an older one. `active` seals what is new. `draining`: records of it
 * are still to be re-sealed. `retired`: none is left in the database.
 */
export const AdminKeys = Type.Object(
  {
    keys: Type.Array(
      Type.Object(
        {
          version: Type.Integer(),
          keyId: Type.String(),
          state: oneOf(['staged', 'active', 'draining', 'retired']),
          introducedAt: Time,
          openedByWorkers: Type.Boolean({ description: 'A live worker has this key' }),
          credentials: Type.Integer({ description: 'Stored records that it seals' }),
          deliveredCopies: Type.Integer({ description: 'Copies of what agents were given that it seals' }),
          unopened: Type.Integer({ description: 'Of both, those that did not open' }),
        },
        strict,
      ),
      { description: 'The newest first' },
    ),
    unsealed: Type.Integer({
      description: 'Records that were stored while NORA_ALLOW_PLAINTEXT_SECRETS was on',
    }),
    rotation: orNull(
      Type.Object(
        {
          targetVersion: Type.Integer(),
          startedAt: Time,
          finishedAt: orNull(Time),
          movedAt: orNull(Time),
          resealed: Type.Integer(),
          remaining: Type.Integer(),
          tables: Type.Array(
            Type.Object(
              {
                table: oneOf(['credentials', 'deliveredCopies']),
                left: Type.Integer(),
                total: Type.Integer(),
              },
              strict,
            ),
            { description: 'Records of older keys, and of all' },
          ),
          rowsPerSecond: orNull(
            Type.Integer({ description: 'Over some ten seconds; null while nothing moves' }),
          ),
          secondsLeft: orNull(Type.Integer()),
          waitingFor: Type.Array(Type.String({ description: 'A live worker that does not open the target' })),
        },
        strict,
      ),
    ),
    unopened: Type.Array(
      Type.Object(
        {
          credentialId: Uuid,
          agentId: orNull(Uuid),
          workspaceId: Uuid,
          keyVersion: Type.Integer(),
          secretVersion: Type.Integer(),
        },
        strict,
      ),
      { description: 'Up to 50 records that did not open when they were to be re-sealed' },
    ),
    next: oneOf([
      ...(['nothing', 'start-workers', 'restart-api', 'wait', 'replace-unopened', 'finish'] as const),
      'put-key-back',
    ]),
  },
  { ...strict, $id: 'AdminKeys' },
)
export type AdminKeys = Static<typeof AdminKeys>

/** `available: false` says why there is nothing to list. */
export const AdminBackups = Type.Object(
  {
    available: Type.Boolean(),
    reason: orNull(Type.String()),
    items: Type.Array(Type.Object({ id: Uuid, createdAt: Time }, strict)),
    nextCursor: orNull(Type.String()),
  },
  { ...strict, $id: 'AdminBackups' },
)
export type AdminBackups = Static<typeof AdminBackups>
