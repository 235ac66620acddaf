import { Badge, Button, Code, Group, Stack, Text } from '@mantine/core'
import { type Column, DataTable } from '@nora/ui/data-table'
import { Time } from '@nora/ui/time'
import { usePeople } from '../../names.ts'
import { useWorkspace } from '../../session.tsx'
import { keyState } from './key-state.ts'
import type { HubKey } from './rotate-key.tsx'
import { scopeWords } from './scopes.ts'

type Props = { rows: readonly HubKey[]; onRotate: (key: HubKey) => void; onRevoke: (key: HubKey) => void }

/** The keys of the workspace: what each may do, until when, and when it was used. */
export function KeyList({ rows, onRotate, onRevoke }: Props) {
  const { me } = useWorkspace()
  const nameOf = usePeople()
  const columns: Column<HubKey>[] = [
    {
      title: 'Name',
      cell: ({ name, prefix, createdBy, createdAt }) => (
        <Stack gap={2}>
          <Text size="sm" fw={600} className="nora-wrap">
            {name}
          </Text>
          <Text size="xs" c="dimmed" component="div">
            <Code>{prefix}…</Code>
          </Text>
          <Text size="xs" c="dimmed">
            made by {nameOf(createdBy)}, <Time at={createdAt} />
          </Text>
        </Stack>
      ),
    },
    {
      title: 'May',
      cell: ({ scopes, allowedCidrs }) => (
        <Stack gap={2}>
          <Text size="sm">{scopes.map((scope) => scopeWords[scope].title.toLowerCase()).join(', ')}</Text>
          <Text size="xs" c="dimmed" className="nora-wrap">
            {allowedCidrs.length === 0 ? 'from anywhere' : `from ${allowedCidrs.join(', ')}`}
          </Text>
        </Stack>
      ),
    },
    { title: 'Last used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} />, width: '8rem' },
    { title: 'Ends', cell: (key) => <Ends hubKey={key} />, width: '10rem' },
    {
      title: '',
      align: 'right',
      cell: (key) => (
        <Group gap={6} justify="flex-end" wrap="nowrap">
          {key.createdBy === me.user.id && keyState(key.expiresAt, Date.now()) !== 'over' && (
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => onRotate(key)}
              aria-label={`Rotate ${key.name}`}
            >
              Rotate
            </Button>
          )}
          <Button
            size="compact-sm"
            variant="default"
            c="var(--mantine-color-error)"
            onClick={() => onRevoke(key)}
            aria-label={`Revoke ${key.name}`}
          >
            Revoke
          </Button>
        </Group>
      ),
    },
  ]
  return <DataTable label="Agent Hub keys" rows={rows} columns={columns} rowKey={({ id }) => id} />
}

function Ends({ hubKey: { expiresAt } }: { hubKey: HubKey }) {
  const state = keyState(expiresAt, Date.now())
  if (state === 'over')
    return (
      <Badge variant="filled" color="gray.7" tt="none">
        ended <Time at={expiresAt} />
      </Badge>
    )
  return (
    <Stack gap={2}>
      <Text size="sm">
        <Time at={expiresAt} />
      </Text>
      {state === 'soon' && (
        <Text size="xs" c="var(--mantine-color-error)">
          Soon: make another in time.
        </Text>
      )}
    </Stack>
  )
}
