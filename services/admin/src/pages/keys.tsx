import { Alert, Badge, Code, Paper, Progress, Stack, Text, Title } from '@mantine/core'
import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { DataTable } from '@nora/ui/data-table'
import { counted } from '@nora/ui/lib/words'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { useQuery } from '@tanstack/react-query'
import { KeyRound, TriangleAlert } from 'lucide-react'
import { api } from '../api.ts'

type Keys = Answered<'/api/admin/keys', 'get'>
const stateWords = {
  active: { word: 'Active', color: 'teal.9' },
  draining: { word: 'Draining', color: 'orange.9' },
  retired: { word: 'Retired', color: 'gray.7' },
} as const

/** Which encryption keys there are, what each seals, and how far an exchange is. Never a key. */
export function KeysPage() {
  const keys = useQuery({
    queryKey: ['keys'],
    queryFn: ({ signal }) => unwrap(api.call.GET('/api/admin/keys', { signal })),
  })
  return (
    <Page
      title="Encryption keys"
      description="What is stored is sealed with these. The keys themselves are with the workers alone; here are their numbers."
    >
      <QueryView
        query={keys}
        rows={3}
        isEmpty={(data) => data.keys.length === 0}
        empty={
          <EmptyState title="No key yet" icon={KeyRound}>
            The first worker that starts brings one.
          </EmptyState>
        }
      >
        {(data) => (
          <Stack gap="lg">
            {data.unsealed > 0 && (
              <Alert color="red" icon={<TriangleAlert aria-hidden />} title="Some secrets are not sealed">
                {counted(data.unsealed, 'record')} stored while <Code>NORA_ALLOW_PLAINTEXT_SECRETS</Code> was
                on. Replace these secrets once it is off.
              </Alert>
            )}
            <Rotation rotation={data.rotation} />
            <DataTable
              label="Encryption keys"
              rows={data.keys}
              rowKey={({ version }) => String(version)}
              columns={[
                { title: 'Version', cell: ({ version }) => version },
                {
                  title: 'State',
                  cell: ({ state }) => (
                    <Badge color={stateWords[state].color}>{stateWords[state].word}</Badge>
                  ),
                },
                { title: 'Key id', cell: ({ keyId }) => <Code>{keyId}</Code> },
                { title: 'Seals', cell: ({ credentials }) => counted(credentials, 'secret') },
                { title: 'Delivered copies', cell: ({ deliveredCopies }) => deliveredCopies, wideOnly: true },
                {
                  title: 'Did not open',
                  cell: ({ unopened }) =>
                    unopened === 0 ? (
                      'none'
                    ) : (
                      <Text size="sm" c="var(--mantine-color-error)" fw={600}>
                        {unopened}
                      </Text>
                    ),
                },
                { title: 'Since', cell: ({ introducedAt }) => <Time at={introducedAt} /> },
              ]}
            />
            <Text size="sm" c="dimmed">
              To exchange the key, follow <Code>docs/rotate-encryption-key.md</Code>: it goes on while the
              server runs.
            </Text>
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

function Rotation({ rotation }: { rotation: Keys['rotation'] }) {
  if (!rotation) return null
  const { resealed, remaining, finishedAt, targetVersion, startedAt, waitingFor } = rotation
  const all = resealed + remaining
  const done = all === 0 ? 100 : Math.floor((resealed / all) * 100)
  return (
    <Paper withBorder p="lg">
      <Stack gap="xs">
        <Title order={2}>
          {finishedAt
            ? `Exchange to version ${targetVersion} is finished`
            : `Exchanging to version ${targetVersion}`}
        </Title>
        <Progress value={done} aria-label={`${done} per cent of the secrets are re-sealed`} />
        <Text size="sm">
          {resealed.toLocaleString('en')} re-sealed, {remaining.toLocaleString('en')} to go. Begun{' '}
          <Time at={startedAt} />
          {finishedAt && (
            <>
              , finished <Time at={finishedAt} />
            </>
          )}
          .
        </Text>
        {waitingFor.length > 0 && (
          <Text size="sm" c="var(--mantine-color-error)">
            Waits for workers that do not have the new key: {waitingFor.join(', ')}. Start them again with it.
          </Text>
        )}
      </Stack>
    </Paper>
  )
}
