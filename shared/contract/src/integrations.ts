import { type Static, Type } from 'typebox'
import {
  CatalogField,
  createFields,
  keyFields,
  replaceFields,
  replaceRules,
  updateFields,
} from './provider-keys.ts'
import { oneOf, orNull, pageOf } from './wire.ts'

/** One entry of the catalogue: what to ask a person for, where the secret may travel, how it is tried. */
export const CatalogIntegration = Type.Object(
  {
    provider: Type.String(),
    name: Type.String(),
    docsUrl: orNull(Type.String()),
    fields: Type.Array(CatalogField),
    anyFields: Type.Boolean({
      description: 'True for `custom`: any name-value pairs instead of the fields.',
    }),
    alternatives: Type.Array(Type.Array(Type.String()), {
      description: 'Sets of fields of which one must be complete.',
    }),
    baseUrl: oneOf(['none', 'optional', 'required', 'listed']),
    defaultBaseUrl: orNull(Type.String()),
    baseUrls: Type.Array(Type.String(), { description: 'With `listed`: what `baseUrl` may be instead.' }),
    destinationHosts: Type.Array(Type.String()),
    addressField: orNull(
      Type.String({
        description: 'The field that names the host it is bound to, as a URL or beside the field `port`.',
      }),
    ),
    testable: Type.Boolean(),
    test: orNull(Type.String({ description: 'The call with which a worker tries it.' })),
  },
  { $id: 'CatalogIntegration', additionalProperties: false },
)
export type CatalogIntegration = Static<typeof CatalogIntegration>
export const IntegrationCatalog = Type.Object({ items: Type.Array(CatalogIntegration) })

export const CreateIntegration = Type.Object(createFields, {
  $id: 'CreateIntegration',
  additionalProperties: false,
})
export const ReplaceIntegration = Type.Object(replaceFields, { $id: 'ReplaceIntegration', ...replaceRules })
export const UpdateIntegration = Type.Object(updateFields, {
  $id: 'UpdateIntegration',
  additionalProperties: false,
  minProperties: 1,
})
export const Integration = Type.Object(keyFields, { $id: 'Integration', additionalProperties: false })
export const IntegrationPage = pageOf(Integration)
