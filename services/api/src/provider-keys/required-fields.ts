import type { CredentialType, Field } from '@nora/contract/credential-types'

/** A catalogue entry's fields; required is what every way to complete it needs. */
export function requiredFields({ fields, alternatives }: CredentialType): (Field & { required: boolean })[] {
  const always = (name: string) =>
    alternatives.length > 0 && alternatives.every((names) => names.includes(name))
  return fields.map((field) => ({ ...field, required: always(field.name) }))
}

/** Hosts that a secret of this type may travel to unless its own base URL or address says otherwise. */
export const usualHosts = ({ defaultBaseUrl, hosts = [] }: CredentialType): string[] =>
  defaultBaseUrl === null ? [...hosts] : [new URL(defaultBaseUrl).host]
