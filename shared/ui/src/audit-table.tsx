import { ActionIcon, Code, Group, Stack, Text } from '@mantine/core'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { CopyButton } from './copy-button.tsx'
import { DataTable } from './data-table.tsx'
import { eventWords } from './lib/event-words.ts'
import { absoluteTime } from './lib/words.ts'
import { Time } from './time.tsx'

type ShownEntry = { id: string; eventType: string; timestamp: string; ip: string | null }

type AuditTableProps<E extends ShownEntry> = {
  label: string
  entries: readonly E[]
  /** Who did it, and what it was done to, as this app names them. */
  who: (entry: E) => ReactNode
  target: (entry: E) => ReactNode
  /** What an opened entry says besides. */
  detail: (entry: E) => ReactNode
}

/** Entries of the audit, each of which can be opened. */
export function AuditTable<E extends ShownEntry>({
  label,
  entries,
  who,
  target,
  detail,
}: AuditTableProps<E>) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set())
  const toggle = (id: string) => {
    const next = new Set(opened)
    if (!next.delete(id)) next.add(id)
    setOpened(next)
  }
  return (
    <DataTable
      label={label}
      rows={entries}
      rowKey={({ id }) => id}
      detail={(entry) => opened.has(entry.id) && detail(entry)}
      columns={[
        {
          title: 'What',
          cell: ({ eventType }) => (
            <Stack gap={0}>
              <Text size="sm" fw={550}>
                {eventWords(eventType)}
              </Text>
              <Text size="xs" c="dimmed" ff="monospace" className="nora-wrap">
                {eventType}
              </Text>
            </Stack>
          ),
        },
        { title: 'When', cell: ({ timestamp }) => <Time at={timestamp} />, width: '9rem' },
        { title: 'Who', cell: who },
        { title: 'Target', cell: target },
        { title: 'Address', cell: ({ ip }) => ip ?? '–', wideOnly: true },
        {
          title: '',
          align: 'right',
          width: '3.5rem',
          cell: (entry) => (
            <DetailButton opened={opened.has(entry.id)} entry={entry} onClick={() => toggle(entry.id)} />
          ),
        },
      ]}
    />
  )
}

type DetailButtonProps = { opened: boolean; entry: ShownEntry; onClick: () => void }

function DetailButton({ opened, entry, onClick }: DetailButtonProps) {
  const Icon = opened ? ChevronDown : ChevronRight
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      size="lg"
      onClick={onClick}
      aria-expanded={opened}
      aria-label={`Details: ${eventWords(entry.eventType)}, ${absoluteTime(entry.timestamp)}`}
    >
      <Icon size={18} aria-hidden />
    </ActionIcon>
  )
}

/** An id among an entry's details, to be copied where there is one. */
export function EntryId({ of, id }: { of: string; id: string | null }) {
  return (
    <Group gap={4} wrap="nowrap" align="center">
      <Code className="nora-wrap">{of.trim()}</Code>
      {id !== null && <CopyButton value={id} label={`Copy ${id}`} />}
    </Group>
  )
}
