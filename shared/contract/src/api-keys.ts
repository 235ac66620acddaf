import { type Static, Type } from 'typebox'
import { lineOfText, oneOf, orNull, PageQuery, pageOf, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const

/** What a program may be let do with a workspace API key; never more than its creator may at that moment. */
export const apiKeyScopes = [
  'agents:read',
  'agents:write',
  'agents:invoke',
  'keys:sync',
  'logs:read',
  'metrics:read',
  'catalog:read',
  'catalog:submit',
] as const
export type ApiKeyScope = (typeof apiKeyScopes)[number]

export const ApiKeyScopeName = oneOf(apiKeyScopes)

/** The longest life of a key, and the one it has when nobody says. */
export const apiKeyDays = { most: 365, usual: 90 } as const

export const CreateApiKey = Type.Object(
  {
    name: lineOfText(100),
    scopes: Type.Array(ApiKeyScopeName, { minItems: 1, maxItems: apiKeyScopes.length, uniqueItems: true }),
    expiresAt: Type.Optional({
      ...Time,
      maxLength: 40,
      description: 'At least a minute, at most 365 days from now; default: 90 days',
    }),
    allowedCidrs: Type.Optional(
      Type.Array(Type.String({ minLength: 2, maxLength: 50 }), {
        maxItems: 20,
        description: 'Addresses or CIDR blocks, IPv4 and IPv6, from which the key works; default: any',
      }),
    ),
  },
  { ...strict, $id: 'CreateApiKey' },
)
export type CreateApiKey = Static<typeof CreateApiKey>

export const RotateApiKey = Type.Object(
  {
    graceHours: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 168,
        default: 24,
        description: 'How long the secret before goes on working; never past the key’s own expiry',
      }),
    ),
  },
  strict,
)
export type RotateApiKey = Static<typeof RotateApiKey>

const apiKey = {
  id: Uuid,
  name: Type.String(),
  prefix: Type.String({ description: 'The part of the key that is no secret' }),
  scopes: Type.Array(ApiKeyScopeName),
  allowedCidrs: Type.Array(Type.String()),
  createdBy: Uuid,
  createdAt: Time,
  expiresAt: Time,
  lastUsedAt: orNull({ ...Time, description: 'To the minute' }),
}

export const ApiKey = Type.Object(apiKey, { ...strict, $id: 'ApiKey' })
export type ApiKey = Static<typeof ApiKey>
export const ApiKeyPage = pageOf(ApiKey)
export const ApiKeyQuery = Type.Object(PageQuery, strict)

/** `key` is shown here and never again. */
export const NewApiKey = Type.Object({ ...apiKey, key: Type.String() }, { ...strict, $id: 'NewApiKey' })
export type NewApiKey = Static<typeof NewApiKey>
