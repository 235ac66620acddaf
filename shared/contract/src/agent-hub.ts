import { type Static, Type } from 'typebox'
import { Resources } from './agents.ts'
import { ApiKeyScopeName } from './api-keys.ts'
import { orNull, pageOf, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const

/** What a program's key is, as the program asks. */
export const HubMe = Type.Object(
  {
    id: Uuid,
    name: Type.String(),
    prefix: Type.String(),
    workspaceId: Uuid,
    createdBy: Uuid,
    scopes: Type.Array(ApiKeyScopeName, { description: 'What the key may do now' }),
    grantedScopes: Type.Array(ApiKeyScopeName, {
      description:
        'What it was made with; the rest is more than its creator’s role in the workspace allows now',
    }),
    allowedCidrs: Type.Array(Type.String()),
    createdAt: Time,
    expiresAt: Time,
    limits: Type.Object({ calls: Type.Integer(), seconds: Type.Integer() }, strict),
  },
  { ...strict, $id: 'HubMe' },
)
export type HubMe = Static<typeof HubMe>

/** A runtime that an agent may have: `runtime` of POST agents. */
export const CatalogEntry = Type.Object(
  {
    id: Type.String(),
    defaults: Resources,
    minimum: Resources,
    needsImage: Type.Boolean({ description: 'Whether `image` must be given' }),
    httpPort: orNull(Type.Integer({ description: 'Where it answers, unless the agent’s `port` says' })),
  },
  { ...strict, $id: 'CatalogEntry' },
)
export type CatalogEntry = Static<typeof CatalogEntry>
export const CatalogPage = pageOf(CatalogEntry)
