import { Button, Group, Select, TextInput } from '@mantine/core'
import type { AuditFilter } from '@nora/ui/lib/audit/audit-filter'
import { eventWords, workspaceEventTypes } from '@nora/ui/lib/event-words'
import { useAuditNames } from './use-audit-names.ts'

type AuditFiltersProps = { filter: AuditFilter; onChange: (change: AuditFilter) => void }

/** What narrows down the audit. It stands in the address, so that a view of it can be handed on. */
export function AuditFilters({ filter, onChange }: AuditFiltersProps) {
  const { people, person } = useAuditNames()
  const { type, actor, from, to } = filter
  const types = withChosen(workspaceEventTypes, type)
    .map((value) => ({ value, label: eventWords(value) }))
    .sort((a, b) => a.label.localeCompare(b.label))
  const actors = [
    ...withChosen(
      people.map(({ userId }) => userId),
      actor === 'system' || actor === 'anonymous' ? undefined : actor,
    ).map((value) => ({ value, label: person(value) })),
    { value: 'system', label: 'Nora itself' },
    { value: 'anonymous', label: 'Nobody signed in' },
  ]
  const backwards = from !== undefined && to !== undefined && from > to
  return (
    <Group align="flex-start" gap="sm" role="search" aria-label="Narrow down the audit">
      <Select
        label="What"
        placeholder="Everything"
        data={types}
        value={type ?? null}
        onChange={(value) => onChange({ type: value ?? '' })}
        searchable
        clearable
        nothingFoundMessage="No such event"
        flex="2 1 14rem"
      />
      <Select
        label="Who"
        placeholder="Everybody"
        data={actors}
        value={actor ?? null}
        onChange={(value) => onChange({ actor: value ?? '' })}
        searchable
        clearable
        nothingFoundMessage="No such person"
        flex="2 1 12rem"
      />
      <TextInput
        label="From day"
        type="date"
        value={from ?? ''}
        onChange={(event) => onChange({ from: event.currentTarget.value })}
        flex="1 1 9rem"
      />
      <TextInput
        label="To day"
        type="date"
        value={to ?? ''}
        onChange={(event) => onChange({ to: event.currentTarget.value })}
        error={backwards && 'This is before the first day.'}
        flex="1 1 9rem"
      />
      {Object.keys(filter).length > 0 && (
        <Button variant="subtle" mt={24} onClick={() => onChange({ type: '', actor: '', from: '', to: '' })}>
          Show all
        </Button>
      )}
    </Group>
  )
}

const withChosen = (values: readonly string[], chosen: string | undefined) =>
  chosen === undefined || values.includes(chosen) ? [...values] : [...values, chosen]
