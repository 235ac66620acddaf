import { Stack, Text, TextInput, UnstyledButton } from '@mantine/core'
import { QueryView } from '@nora/ui/query-view'
import { Search } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import type { CatalogEntry } from './calls.ts'
import classes from './credentials.module.css'
import type { Family } from './family.ts'
import { searchCatalog } from './secret-form.ts'
import { useCatalog } from './use-family.ts'

const placeWords = ({ baseUrl, addressField }: CatalogEntry) => {
  if (baseUrl === 'required') return 'an address that you name'
  return addressField === null ? 'names and values of your own' : 'a server that you name'
}

/** The family's catalogue with a search. Enter takes the first that is found. */
export function ChooseEntry({
  family,
  onChoose,
}: {
  family: Family
  onChoose: (entry: CatalogEntry) => void
}) {
  const catalog = useCatalog(family)
  const [words, setWords] = useState('')
  const found = searchCatalog(catalog.data ?? [], words)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (found[0]) onChoose(found[0])
  }
  return (
    <Stack>
      <form onSubmit={submit}>
        <TextInput
          label={family.choose}
          placeholder="Search"
          leftSection={<Search size={16} aria-hidden />}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
          autoComplete="off"
          data-autofocus
        />
      </form>
      <QueryView query={catalog}>
        {() =>
          found.length === 0 ? (
            <Text size="sm" c="dimmed" role="status">
              Nothing here is called that. There is an entry for any other service as well: search for “any”,
              or “name-value”.
            </Text>
          ) : (
            <ul className={classes['entries']}>
              {found.map((entry) => (
                <li key={entry.provider}>
                  <UnstyledButton className={classes['entry']!} onClick={() => onChoose(entry)}>
                    <Text size="sm" fw={600}>
                      {entry.name}
                    </Text>
                    <Text size="xs" c="dimmed" className="nora-wrap">
                      {entry.destinationHosts.join(', ') || placeWords(entry)}
                    </Text>
                  </UnstyledButton>
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
    </Stack>
  )
}
