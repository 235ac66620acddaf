import { ActionIcon, Anchor, Code, Group, Stack, Text } from '@mantine/core'
import type { Item } from '@nora/client/api-types'
import { CopyButton } from '@nora/ui/copy-button'
import { DataTable } from '@nora/ui/data-table'
import { Facts } from '@nora/ui/facts'
import { actorWords, detailPairs, shortId, targetWords } from '@nora/ui/lib/audit/entry-words'
import { eventWords } from '@nora/ui/lib/event-words'
import { absoluteTime } from '@nora/ui/lib/words'
import { Time } from '@nora/ui/time'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'react-router'

type Entry = Item<'/api/admin/audit'>

/** Entries of the whole server's audit, each of which can be opened. People are named by their ids, which lead to them. */
export function EntryTable({ label, entries }: { label: string; entries: readonly Entry[] }) {
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
      detail={(entry) => opened.has(entry.id) && <Detail entry={entry} />}
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
        { title: 'Who', cell: ({ actor, userId }) => <Who actor={actor} userId={userId} /> },
        {
          title: 'Target',
          cell: ({ target: { kind, id } }) => `${targetWords(kind) || '–'} ${id === null ? '' : shortId(id)}`,
        },
        { title: 'Address', cell: ({ ip }) => ip ?? '–', wideOnly: true },
        {
          title: '',
          align: 'right',
          width: '3.5rem',
          cell: (entry) => {
            const isOpen = opened.has(entry.id)
            const Icon = isOpen ? ChevronDown : ChevronRight
            return (
              <ActionIcon
                variant="subtle"
                color="gray"
                size="lg"
                onClick={() => toggle(entry.id)}
                aria-expanded={isOpen}
                aria-label={`Details: ${eventWords(entry.eventType)}, ${absoluteTime(entry.timestamp)}`}
              >
                <Icon size={18} aria-hidden />
              </ActionIcon>
            )
          },
        },
      ]}
    />
  )
}

const isPerson = (id: string) => /^[0-9a-f-]{36}$/.test(id)

function Who({ actor, userId }: Pick<Entry, 'actor' | 'userId'>) {
  const words = actorWords(actor, userId, (id) => `Person ${shortId(id)}`)
  if (!isPerson(userId)) return <>{words}</>
  return (
    <Anchor component={Link} to={`/users/${userId}`} size="sm">
      {words}
    </Anchor>
  )
}

function Detail({ entry }: { entry: Entry }) {
  const { timestamp, workspaceId, actor, target, ip, correlationId, details } = entry
  const id = (title: string, of: string, value: string | null) =>
    value === null ? [] : [{ title, value: <Id of={of} id={value} /> }]
  return (
    <Facts
      label="Details"
      facts={[
        { title: 'Moment', value: `${absoluteTime(timestamp)} (${timestamp})` },
        ...detailPairs(details),
        ...id('Done by', `${actor.kind} ${actor.id ?? ''}`, actor.id),
        ...id('Done to', `${target.kind} ${target.id ?? ''}`, target.id),
        ...id('Workspace', workspaceId ?? '', workspaceId),
        ...(ip === null ? [] : [{ title: 'From address', value: ip }]),
        ...id('Correlation id', correlationId ?? '', correlationId),
        ...id('Entry', entry.id, entry.id),
      ]}
    />
  )
}

function Id({ of, id }: { of: string; id: string }) {
  return (
    <Group gap={4} wrap="nowrap">
      <Code className="nora-wrap">{of.trim()}</Code>
      <CopyButton value={id} label={`Copy ${id}`} />
    </Group>
  )
}
