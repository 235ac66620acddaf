import { type Static, Type } from 'typebox'
import { BaseUrl, CatalogField, replaceFields, Secret, shownFields, TypeName } from './provider-keys.ts'
import { lineOfText, oneOf, orNull, pageOf } from './wire.ts'

export const exchangePermissions = ['read_only', 'trading_enabled'] as const
export type ExchangePermission = (typeof exchangePermissions)[number]

export const CatalogExchange = Type.Object(
  {
    exchange: Type.String(),
    name: Type.String(),
    docsUrl: orNull(Type.String()),
    fields: Type.Array(CatalogField),
    alternatives: Type.Array(Type.Array(Type.String()), {
      description: 'Sets of fields of which one must be complete. `walletAddress` stands beside `secret`.',
    }),
    walletAddress: Type.Boolean({ description: 'Whether the exchange knows an account by its address' }),
    defaultBaseUrl: orNull(Type.String()),
    baseUrls: Type.Array(Type.String(), {
      description: 'What `baseUrl` may be instead: other regions, the test network.',
    }),
    destinationHosts: Type.Array(Type.String()),
    testable: Type.Boolean(),
    test: orNull(Type.String({ description: 'The signed call with which a worker tries it.' })),
  },
  { $id: 'CatalogExchange', additionalProperties: false },
)
export type CatalogExchange = Static<typeof CatalogExchange>
export const ExchangeCatalog = Type.Object({ items: Type.Array(CatalogExchange) })

const WalletAddress = lineOfText(128)
const Permission = oneOf(exchangePermissions)

export const CreateExchangeCredential = Type.Object(
  {
    exchange: TypeName,
    label: lineOfText(100),
    walletAddress: Type.Optional(WalletAddress),
    secret: Secret,
    baseUrl: Type.Optional(BaseUrl),
    permission: Type.Optional(Permission),
  },
  {
    $id: 'CreateExchangeCredential',
    additionalProperties: false,
    description: '`permission` is `read_only` unless given; `trading_enabled` needs a step-up.',
  },
)
export type CreateExchangeCredential = Static<typeof CreateExchangeCredential>

export const ReplaceExchangeCredential = Type.Object(
  {
    secret: Type.Optional(Secret),
    label: replaceFields.label,
    walletAddress: Type.Optional(WalletAddress),
    baseUrl: Type.Optional(BaseUrl),
  },
  {
    $id: 'ReplaceExchangeCredential',
    additionalProperties: false,
    minProperties: 1,
    description:
      'What is left out stays. `secret` replaces all fields, raises `secretVersion` and sets `permission` back to `read_only`: trading is enabled for one secret. `walletAddress` and `baseUrl` are sealed with the secret and need it beside them.',
  },
)
export type ReplaceExchangeCredential = Static<typeof ReplaceExchangeCredential>

export const UpdateExchangeCredential = Type.Object(
  { permission: Type.Optional(Permission), label: replaceFields.label },
  {
    $id: 'UpdateExchangeCredential',
    additionalProperties: false,
    minProperties: 1,
    description:
      '`trading_enabled` needs a step-up; agents learn of it with their next sync. `read_only` needs none, and agents that run are told at once.',
  },
)
export type UpdateExchangeCredential = Static<typeof UpdateExchangeCredential>

export const ExchangeCredential = Type.Object(
  {
    ...shownFields,
    exchange: Type.String(),
    walletAddress: orNull(Type.String()),
    permission: Permission,
  },
  { $id: 'ExchangeCredential', additionalProperties: false },
)
export type ExchangeCredential = Static<typeof ExchangeCredential>
export const ExchangeCredentialPage = pageOf(ExchangeCredential)
