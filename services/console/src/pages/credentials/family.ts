/** One of the three kinds of credentials. One set of parts shows them all; what differs in words and addresses is here. */
export type Family = {
  /** The first part of its cache keys, and of its address below `/credentials` (provider keys are what one sees first). */
  name: 'provider-keys' | 'integrations' | 'exchange-credentials'
  path: '/api/llm-providers' | '/api/integrations' | '/api/exchange-credentials'
  title: string
  /** "provider key" */
  one: string
  many: string
  /** What they are for, in a sentence. */
  about: string
  /** What one chooses in the catalogue. */
  choose: string
  /** Whether one may be shared with the workspace. */
  shareable: boolean
}

export const families: readonly Family[] = [
  {
    name: 'provider-keys',
    path: '/api/llm-providers',
    title: 'Provider keys',
    one: 'provider key',
    many: 'provider keys',
    about: 'Keys of model providers, with which agents think.',
    choose: 'Which provider is it for?',
    shareable: true,
  },
  {
    name: 'integrations',
    path: '/api/integrations',
    title: 'Integrations',
    one: 'integration',
    many: 'integrations',
    about: 'Credentials of other services that agents work with, such as GitHub, Slack or a database.',
    choose: 'Which service is it for?',
    shareable: true,
  },
  {
    name: 'exchange-credentials',
    path: '/api/exchange-credentials',
    title: 'Exchange credentials',
    one: 'exchange credential',
    many: 'exchange credentials',
    about:
      'Keys of exchanges. They are yours alone: nobody else sees them, and only your own agents can hold them.',
    choose: 'Which exchange is it for?',
    shareable: false,
  },
]

/** The family that an address names; undefined where it names none. */
export const familyAt = (segment: string | undefined): Family | undefined =>
  segment === undefined ? families[0] : families.find(({ name }) => name === segment)

/** The address of a family in the workspace. */
export const pathOf = ({ name }: Family): string =>
  name === 'provider-keys' ? '/credentials' : `/credentials/${name}`
