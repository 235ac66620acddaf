import { Anchor, Button, Group, Stack } from '@mantine/core'
import type { Item } from '@nora/client/api-types'
import { EntryId, AuditTable as Table } from '@nora/ui/audit-table'
import { Facts } from '@nora/ui/facts'
import type { AuditFilter } from '@nora/ui/lib/audit/audit-filter'
import { actorWords, detailPairs, shortId, targetWords } from '@nora/ui/lib/audit/entry-words'
import { absoluteTime } from '@nora/ui/lib/words'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { useAuditNames } from './use-audit-names.ts'

export type Entry = Item<'/api/audit'>
type AuditTableProps = { entries: readonly Entry[]; onNarrow: (change: AuditFilter) => void }

/** Entries of the workspace's audit, with the names of its people and agents. */
export function AuditTable({ entries, onNarrow }: AuditTableProps) {
  const { person } = useAuditNames()
  return (
    <Table
      label="Entries of the audit"
      entries={entries}
      who={({ actor, userId }) => actorWords(actor, userId, person)}
      target={({ target }) => <Target target={target} />}
      detail={(entry) => <Detail entry={entry} onNarrow={onNarrow} />}
    />
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
          { title: 'Done by', value: <EntryId of={`${actor.kind} ${actor.id ?? ''}`} id={actor.id} /> },
          { title: 'Done to', value: <EntryId of={`${target.kind} ${target.id ?? ''}`} id={target.id} /> },
          ...(ip === null ? [] : [{ title: 'From address', value: ip }]),
          ...(correlationId === null
            ? []
            : [{ title: 'Correlation id', value: <EntryId of={correlationId} id={correlationId} /> }]),
          { title: 'Entry', value: <EntryId of={entry.id} id={entry.id} /> },
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
