import { Anchor } from '@mantine/core'
import type { Item } from '@nora/client/api-types'
import { AuditTable, EntryId } from '@nora/ui/audit-table'
import { Facts } from '@nora/ui/facts'
import { actorWords, detailPairs, shortId, targetWords } from '@nora/ui/lib/audit/entry-words'
import { absoluteTime } from '@nora/ui/lib/words'
import { Link } from 'react-router'

type Entry = Item<'/api/admin/audit'>

/** Entries of the whole server's audit. People are named by their ids, which lead to them. */
export function EntryTable({ label, entries }: { label: string; entries: readonly Entry[] }) {
  return (
    <AuditTable
      label={label}
      entries={entries}
      who={({ actor, userId }) => <Who actor={actor} userId={userId} />}
      target={({ target: { kind, id } }) => `${targetWords(kind) || '–'} ${id === null ? '' : shortId(id)}`}
      detail={(entry) => <Detail entry={entry} />}
    />
  )
}

const isPerson = (id: string) => /^[0-9a-f-]{36}$/.test(id)

function Who({ actor, userId }: Pick<Entry, 'actor' | 'userId'>) {
  const words = actorWords(actor, userId, (id) => `Person ${shortId(id)}`)
  if (!isPerson(userId)) return <>{words}</>
  return (
    <Anchor component={Link} to={`/users/${userId}`} size="sm" className="nora-whole">
      {words}
    </Anchor>
  )
}

function Detail({ entry }: { entry: Entry }) {
  const { timestamp, workspaceId, actor, target, ip, correlationId, details } = entry
  const id = (title: string, of: string, value: string | null) =>
    value === null ? [] : [{ title, value: <EntryId of={of} id={value} /> }]
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
