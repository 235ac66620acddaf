/** What a stored credential is for: a model provider, another service, or an exchange. Each has a catalogue. */
export type CredentialKind = 'llm' | 'integration' | 'exchange'

export type Field = { name: string; title: string; secret: boolean }

/** One entry of a catalogue: what is asked for, and where it may travel. Data only: the api, the worker and browsers read it. */
export type CredentialType = {
  /** Its name in requests and rows. */
  provider: string
  name: string
  docsUrl: string | null
  fields: readonly Field[]
  /** Any name-value pairs instead of fields. */
  anyFields: boolean
  /** Sets of fields of which one must be complete. */
  alternatives: readonly (readonly string[])[]
  /** `listed`: the default, or one of `baseUrls`. */
  baseUrl: 'none' | 'optional' | 'required' | 'listed'
  defaultBaseUrl: string | null
  /** The service's other regions and its test network. */
  baseUrls?: readonly string[]
  /** Where the secret travels to when it has no base URL. */
  hosts?: readonly string[]
  /** The field that says where instead: a URL, or a host that stands beside the field `port`. */
  addressField?: string
}
