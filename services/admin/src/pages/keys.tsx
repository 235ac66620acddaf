import { Alert, Badge, Code, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { DataTable } from '@nora/ui/data-table'
import { counted } from '@nora/ui/lib/words'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { useQuery } from '@tanstack/react-query'
import { KeyRound, TriangleAlert } from 'lucide-react'
import { api } from '../api.ts'
import { KeyRotation, NextStep, UnopenedRecords } from './key-rotation.tsx'

const stateWords = {
  staged: { word: 'Staged', color: 'blue.9' },
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
            <NextStep keys={data} />
            <KeyRotation rotation={data.rotation} />
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
            <UnopenedRecords records={data.unopened} />
            <Text size="sm" c="dimmed">
              <Code className="nora-whole">./setup.sh --rotate encryption-key</Code> exchanges the key while
              the server runs, and <Code className="nora-whole">./setup.sh --rotate</Code> lists every other
              secret: see <Code>docs/rotation.md</Code>.
            </Text>
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}
