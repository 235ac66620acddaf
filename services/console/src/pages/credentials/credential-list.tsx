import { Badge, Button, Code, Group, Stack, Text } from '@mantine/core'
import { type Column, DataTable } from '@nora/ui/data-table'
import { Time } from '@nora/ui/time'
import { usePeople } from '../../names.ts'
import { useWorkspace } from '../../session.tsx'
import type { CatalogEntry, Credential } from './calls.ts'
import { CredentialMenu } from './credential-menu.tsx'
import type { Action } from './dialogs.tsx'
import type { Family } from './family.ts'
import { Holders } from './holders.tsx'
import { useCatalog } from './use-family.ts'

type Props = {
  family: Family
  rows: readonly Credential[]
  onAction: (action: Action, credential: Credential) => void
}

/** Stored credentials: what they are, whose, and who uses them. Never what is in them. */
export function CredentialList({ family, rows, onAction }: Props) {
  const { can } = useWorkspace()
  const catalog = useCatalog(family)
  const entryOf = (credential: Credential): CatalogEntry | undefined =>
    catalog.data?.find(({ provider }) => provider === credential.provider)
  const columns: Column<Credential>[] = [
    {
      title: 'Name',
      cell: (credential) => (
        <Stack gap={0}>
          <Text size="sm" fw={600} className="nora-wrap">
            {credential.label}
          </Text>
          <Text size="xs" c="dimmed" className="nora-wrap">
            {entryOf(credential)?.name ?? credential.provider}
          </Text>
        </Stack>
      ),
    },
    family.shareable
      ? { title: 'Whose', cell: (credential) => <Whose credential={credential} /> }
      : { title: 'Agents may', cell: (credential) => <Permission credential={credential} /> },
    {
      title: 'Fingerprint',
      cell: ({ fingerprint, secretVersion }) => (
        <Group gap={6} wrap="nowrap">
          <Code>{fingerprint}</Code>
          <Text size="xs" c="dimmed" style={{ whiteSpace: 'nowrap' }}>
            version {secretVersion}
          </Text>
        </Group>
      ),
    },
    { title: 'Last used', cell: ({ lastUsedAt }) => <Time at={lastUsedAt} />, width: '8rem' },
    { title: 'Used by', cell: (credential) => <Holders credential={credential} /> },
    {
      title: '',
      align: 'right',
      cell: (credential) => (
        <Group gap={4} justify="flex-end" wrap="nowrap">
          {can('key:write') && entryOf(credential)?.testable && (
            <Button
              size="compact-sm"
              variant="default"
              onClick={() => onAction('test', credential)}
              aria-label={`Test ${credential.label}`}
            >
              Test
            </Button>
          )}
          <CredentialMenu {...{ family, credential, onAction }} />
        </Group>
      ),
    },
  ]
  return <DataTable label={family.title} rows={rows} columns={columns} rowKey={({ id }) => id} />
}

function Whose({ credential: { ownerId, sharedWithWorkspace } }: { credential: Credential }) {
  const { me } = useWorkspace()
  const nameOf = usePeople()
  const own = ownerId === me.user.id
  return (
    <Stack gap={0}>
      <Text size="sm">{own ? 'Yours' : nameOf(ownerId)}</Text>
      <Text size="xs" c="dimmed">
        {sharedWithWorkspace ? 'shared with the workspace' : 'not shared'}
      </Text>
    </Stack>
  )
}

function Permission({ credential }: { credential: Credential }) {
  return credential.permission === 'trading_enabled' ? (
    <Badge variant="filled" color="red.8" tt="none">
      read and trade
    </Badge>
  ) : (
    <Badge variant="default" tt="none">
      read only
    </Badge>
  )
}
