import { Anchor, NativeSelect, Text, TextInput } from '@mantine/core'
import { ExternalLink, ShieldCheck } from 'lucide-react'
import type { CatalogEntry } from './calls.ts'
import { destinationsOf, listed } from './secret-form.ts'

type BaseUrlProps = {
  entry: CatalogEntry
  value: string
  onChange: (baseUrl: string) => void
  error: string | undefined
}

/** Asks for the address of the service, where there is a choice. */
export function BaseUrlField({ entry, value, onChange, error }: BaseUrlProps) {
  if (entry.baseUrl === 'none') return null
  const shared = {
    name: 'baseUrl',
    label: 'Address of the service (base URL)',
    value,
    onChange: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value),
    error,
  }
  if (entry.baseUrl === 'listed') {
    const known = [entry.defaultBaseUrl ?? '', ...entry.baseUrls]
    if (known.length < 2) return null
    const data = value === '' || known.includes(value) ? known : [...known, value]
    return (
      <NativeSelect
        {...shared}
        value={value || known[0]}
        data={data}
        description="The service’s own addresses: its regions, and its test network."
      />
    )
  }
  const required = entry.baseUrl === 'required'
  return (
    <TextInput
      {...shared}
      type="url"
      required={required}
      placeholder={entry.defaultBaseUrl ?? 'https://…'}
      description={
        required
          ? 'https, with a public host name, unless the operator of this server allows the host.'
          : entry.defaultBaseUrl === null
            ? 'Where it is used, if that is one place. It is then bound to that host.'
            : 'Only for a server of your own that speaks the same language. Leave it empty otherwise.'
      }
      autoComplete="off"
      spellCheck={false}
    />
  )
}

/** What becomes of a secret: where it goes, who sees it again (nobody), and where one gets it. */
export function Destination({ entry, baseUrl }: { entry: CatalogEntry; baseUrl: string }) {
  const hosts = destinationsOf(entry, baseUrl)
  const addressField = entry.fields.find(({ name }) => name === entry.addressField)
  const to = addressField
    ? `the host in “${addressField.title}”`
    : hosts.length > 0
      ? listed(hosts)
      : entry.baseUrl === 'required'
        ? 'the host of its base URL'
        : undefined
  return (
    <Text size="sm" component="div" c="dimmed">
      <ShieldCheck size={16} aria-hidden style={{ verticalAlign: '-3px', marginRight: 6 }} />
      It is encrypted when it arrives and is never shown again, not even to you.{' '}
      {to
        ? `Nora itself sends it to ${to} and nowhere else; it is given to the agents that you choose.`
        : 'Nora itself sends it nowhere; it is given to the agents that you choose.'}
      {entry.docsUrl && (
        <>
          {' '}
          <Anchor href={entry.docsUrl} target="_blank" rel="noopener noreferrer" size="sm" underline="always">
            Where to get one at {entry.name}
            <ExternalLink size={13} aria-hidden style={{ verticalAlign: '-1px', marginLeft: 4 }} />
          </Anchor>
        </>
      )}
    </Text>
  )
}
