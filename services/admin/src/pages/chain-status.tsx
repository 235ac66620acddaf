import { Badge, Code, Group, Paper, Stack, Text } from '@mantine/core'
import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { CopyButton } from '@nora/ui/copy-button'
import { counted } from '@nora/ui/lib/words'
import { QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { useQuery } from '@tanstack/react-query'
import { api } from '../api.ts'
import { howLong } from './how-long.ts'

type Chain = Answered<'/api/admin/audit/chain', 'get'>
const words = {
  intact: { word: 'Intact', color: 'teal.9' },
  behind: { word: 'Behind', color: 'orange.9' },
  broken: { word: 'Broken', color: 'red.8' },
} as const

/** How the chain of the audit stands, as far as the server itself can say. */
export function ChainStatus() {
  const chain = useQuery({
    queryKey: ['audit', 'chain'],
    queryFn: ({ signal }) => unwrap(api.call.GET('/api/admin/audit/chain', { signal })),
  })
  return (
    <Paper withBorder p="md" component="section" aria-label="Chain of the audit">
      <QueryView query={chain} rows={1}>
        {(data) => <Standing chain={data} />}
      </QueryView>
    </Paper>
  )
}

function Standing({ chain }: { chain: Chain }) {
  const { state, position, hash, chainedAt, waiting, oldestWaitingSeconds, checkpoint, brokenAt } = chain
  return (
    <Stack gap={4}>
      <Group gap="sm">
        <Badge color={words[state].color}>{words[state].word}</Badge>
        <Text size="sm">
          {counted(position, 'entry', 'entries')} chained
          {chainedAt && (
            <>
              , the last <Time at={chainedAt} />
            </>
          )}
          {waiting > 0 && `; ${waiting} waiting, the first for ${howLong(oldestWaitingSeconds)}`}.{' '}
          {checkpoint ? (
            <>
              Signed up to {checkpoint.position.toLocaleString('en')} <Time at={checkpoint.signedAt} />.
            </>
          ) : (
            'Nothing is signed yet.'
          )}
        </Text>
      </Group>
      {brokenAt && (
        <Text size="sm" c="var(--mantine-color-error)">
          A worker found it broken <Time at={brokenAt} />: run npm run audit:verify and compare with the
          copies that you keep.
        </Text>
      )}
      {state === 'behind' && (
        <Text size="sm" c="var(--mantine-color-error)">
          Workers chain entries within seconds: see whether one runs.
        </Text>
      )}
      <Group gap={4} wrap="nowrap">
        <Text size="xs" c="dimmed">
          Its end
        </Text>
        <Code className="nora-wrap">{hash.slice(0, 16)}…</Code>
        <CopyButton value={hash} label="Copy the chain’s end" />
      </Group>
    </Stack>
  )
}
