import { ActionIcon, Anchor, Button, Code, Group, Stack, Text } from '@mantine/core'
import type { Item } from '@nora/client/api-types'
import { CopyButton } from '@nora/ui/copy-button'
import { DataTable } from '@nora/ui/data-table'
import { Facts } from '@nora/ui/facts'
import type { AuditFilter } from '@nora/ui/lib/audit/audit-filter'
import { actorWords, detailPairs, shortId, targetWords } from '@nora/ui/lib/audit/entry-words'
import { eventWords } from '@nora/ui/lib/event-words'
import { absoluteTime } from '@nora/ui/lib/words'
import { Time } from '@nora/ui/time'
import { ChevronDown, ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { useAuditNames } from './use-audit-names.ts'

export type Entry = Item<'/api/audit'>
type AuditTableProps = { entries: readonly Entry[]; onNarrow: (change: AuditFilter) => void }

/** Entries of the audit, each of which can be opened. */
export function AuditTable({ entries, onNarrow }: AuditTableProps) {
  const { person } = useAuditNames()
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set())
  const toggle = (id: string) => {
    const next = new Set(opened)
    if (!next.delete(id)) next.add(id)
    setOpened(next)
  }
  return (
    <DataTable
      label="Entries of the audit"
      rows={entries}
      rowKey={({ id }) => id}
      detail={(entry) => opened.has(entry.id) && <Detail entry={entry} onNarrow={onNarrow} />}
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
        { title: 'Who', cell: ({ actor, userId }) => actorWords(actor, userId, person) },
        { title: 'Target', cell: ({ target }) => <Target target={target} /> },
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

type DetailButtonProps = { opened: boolean; entry: Entry; onClick: () => void }

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

function Target({ target: { kind, id } }: { target: Entry['target'] }) {
  const { to, workspace } = useWorkspace()
  const { person, agent } = useAuditNames()
  if (id === null) return <>{targetWords(kind) || '–'}</>
  if (kind === 'user') return <>{person(id)}</>
  if (kind === 'workspace' && id === workspace.id) return <>This workspace</>
  const name = kind === 'agent' ? agent(id) : undefined
  if (name !== undefined)
    return (
      <Anchor component={Link} to={to(`/agents/${id}`)} size="sm" className="nora-wrap">
        {name}
      </Anchor>
    )
  return (
    <span className="nora-wrap">
      {targetWords(kind)} {shortId(id)}
    </span>
  )
}

type DetailProps = { entry: Entry; onNarrow: (change: AuditFilter) => void }

function Detail({ entry, onNarrow }: DetailProps) {
  const { person } = useAuditNames()
  const { timestamp, eventType, userId, actor, target, ip, correlationId, details } = entry
  return (
    <Stack gap="sm" py="xs">
      <Facts
        label="Details"
        facts={[
          { title: 'Moment', value: `${absoluteTime(timestamp)} (${timestamp})` },
          ...detailPairs(details),
          { title: 'Done by', value: <Id of={`${actor.kind} ${actor.id ?? ''}`} id={actor.id} /> },
          { title: 'Done to', value: <Id of={`${target.kind} ${target.id ?? ''}`} id={target.id} /> },
          ...(ip === null ? [] : [{ title: 'From address', value: ip }]),
          ...(correlationId === null
            ? []
            : [{ title: 'Correlation id', value: <Id of={correlationId} id={correlationId} /> }]),
          { title: 'Entry', value: <Id of={entry.id} id={entry.id} /> },
        ]}
      />
      <Group gap="xs">
        <Button size="compact-sm" variant="default" onClick={() => onNarrow({ type: eventType })}>
          Only events of this kind
        </Button>
        <Button size="compact-sm" variant="default" onClick={() => onNarrow({ actor: userId })}>
          Only what{' '}
          {userId === 'system' ? 'Nora' : userId === 'anonymous' ? 'nobody signed in' : person(userId)} did
        </Button>
      </Group>
    </Stack>
  )
}

function Id({ of, id }: { of: string; id: string | null }) {
  return (
    <Group gap={4} wrap="nowrap" align="center">
      <Code className="nora-wrap">{of.trim()}</Code>
      {id !== null && <CopyButton value={id} label={`Copy ${id}`} />}
    </Group>
  )
}
