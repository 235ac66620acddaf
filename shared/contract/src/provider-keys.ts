import { type Static, Type } from 'typebox'
import { lineOfText, oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

export const CatalogField = Type.Object({
  name: Type.String(),
  title: Type.String(),
  required: Type.Boolean(),
  secret: Type.Boolean({ description: 'Shown as a password field; every field is sealed alike.' }),
})

/** One entry of the catalogue: what to ask a person for and where the secret may travel. */
export const CatalogProvider = Type.Object(
  {
    provider: Type.String(),
    name: Type.String(),
    docsUrl: orNull(Type.String()),
    fields: Type.Array(CatalogField),
    anyFields: Type.Boolean({
      description: 'True for `custom`: any name-value pairs instead of, or besides, the fields.',
    }),
    alternatives: Type.Array(Type.Array(Type.String()), {
      description: 'Sets of fields of which one must be complete.',
    }),
    baseUrl: oneOf(['none', 'optional', 'required', 'listed']),
    defaultBaseUrl: orNull(Type.String()),
    destinationHosts: Type.Array(Type.String(), {
      description:
        'Hosts of the default base URL. A key with its own `baseUrl` is bound to that host instead.',
    }),
    testable: Type.Boolean({ description: 'Whether `POST llm-providers/:id/test` can ask this provider' }),
    api: oneOf(['openai', 'anthropic', 'none']),
  },
  { $id: 'CatalogProvider', additionalProperties: false },
)
export type CatalogProvider = Static<typeof CatalogProvider>

export const ProviderCatalog = Type.Object({ items: Type.Array(CatalogProvider) })

/** Field names become JSON keys and variable names in the agent. */
export const Secret = Type.Record(
  Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' }),
  Type.String({ minLength: 1, maxLength: 16_384 }),
  { minProperties: 1, maxProperties: 50, additionalProperties: false },
)
export type Secret = Static<typeof Secret>

export const BaseUrl = Type.String({ minLength: 1, maxLength: 500 })
export const TypeName = Type.String({ minLength: 1, maxLength: 64 })

/** Integrations have the same calls and shapes; each has schemas of its own, for the documents. */
export const createFields = {
  provider: TypeName,
  label: lineOfText(100),
  secret: Secret,
  baseUrl: Type.Optional(BaseUrl),
  sharedWithWorkspace: Type.Optional(Type.Boolean({ default: false })),
}
export const CreateProviderKey = Type.Object(createFields, {
  $id: 'CreateProviderKey',
  additionalProperties: false,
})
export type CreateProviderKey = Static<typeof CreateProviderKey>

export const replaceFields = {
  secret: Type.Optional(Secret),
  label: Type.Optional(lineOfText(100)),
  baseUrl: Type.Optional(BaseUrl),
  sharedWithWorkspace: Type.Optional(Type.Boolean()),
}
export const replaceRules = {
  additionalProperties: false,
  minProperties: 1,
  description:
    'What is left out stays. `secret` replaces all fields and raises `secretVersion`; agents keep what they have until their next start or sync. `baseUrl` needs `secret` with it, because the sealed secret is bound to its destination. Taking `sharedWithWorkspace` back while agents of others hold the key is 409 unless `?force=true`.',
} as const
export const ReplaceProviderKey = Type.Object(replaceFields, { $id: 'ReplaceProviderKey', ...replaceRules })

/** What may change without the secret. The same rules as in `ReplaceProviderKey`. */
export const updateFields = {
  label: replaceFields.label,
  sharedWithWorkspace: replaceFields.sharedWithWorkspace,
}
export const UpdateProviderKey = Type.Object(updateFields, {
  $id: 'UpdateProviderKey',
  additionalProperties: false,
  minProperties: 1,
})

/** What is shown of a stored secret of any kind. */
export const shownFields = {
  id: Uuid,
  label: Type.String(),
  ownerId: Uuid,
  fingerprint: Type.String({ description: '8 hex characters to compare keys by' }),
  baseUrl: orNull(Type.String()),
  destinationHosts: Type.Array(Type.String()),
  keyVersion: Type.Integer(),
  secretVersion: Type.Integer(),
  createdAt: Time,
  updatedAt: Time,
  lastUsedAt: orNull(Time),
  usedBy: Type.Array(Uuid),
  notice: Type.Optional(Type.String({ description: 'What this change could not do.' })),
}
export const keyFields = { ...shownFields, provider: Type.String(), sharedWithWorkspace: Type.Boolean() }
export const ProviderKey = Type.Object(keyFields, { $id: 'ProviderKey', additionalProperties: false })
export type ProviderKey = Static<typeof ProviderKey>

export const ProviderKeyPage = pageOf(ProviderKey)
export type ProviderKeyPage = Static<typeof ProviderKeyPage>
export const ProviderKeyQuery = Type.Object(PageQuery, { additionalProperties: false })

export const ForceQuery = Type.Object(
  {
    force: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Detach the key from the agents that hold it and sync them',
      }),
    ),
  },
  { additionalProperties: false },
)

/** The answer of a forced delete: who lost the key, and the operation that takes it out of each. */
export const DetachedProviderKey = Type.Object(
  {
    detachedFrom: Type.Array(Type.Object({ agentId: Uuid, operationId: orNull(Uuid) })),
    notice: Type.String(),
  },
  { $id: 'DetachedProviderKey', additionalProperties: false },
)
export type DetachedProviderKey = Static<typeof DetachedProviderKey>

export const SyncProviderKeys = Type.Object({ agentId: Uuid }, { additionalProperties: false })
