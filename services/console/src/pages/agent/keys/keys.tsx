import { Badge, Button, Group, Stack, Text } from '@mantine/core'
import { DataTable } from '@nora/ui/data-table'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { EmptyState } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { KeyRound } from 'lucide-react'
import { useState } from 'react'
import { useWorkspace } from '../../../session.tsx'
import { type Agent, openOperation } from '../../agents/agent-actions.ts'
import { useCredentials } from '../use-names.ts'
import { AttachKeys } from './attach-keys.tsx'
import { DetachKey } from './detach-key.tsx'
import { type HeldKey, heldKeys, waitingWords } from './held-keys.ts'
import { useChangeKeys, useSyncKeys } from './use-change-keys.ts'

/** The keys that the agent holds: which version it has, which is stored, and how they meet. */
export function KeysTab({ agent }: { agent: Agent }) {
  const { can } = useWorkspace()
  const credentials = useCredentials()
  const sync = useSyncKeys(agent)
  const change = useChangeKeys(agent)
  const [detaching, setDetaching] = useState<HeldKey>()
  const keys = heldKeys(agent, credentials.data)
  const open = openOperation(agent)
  const runs = agent.desiredState === 'running'
  const waiting = waitingWords(keys, runs)
  const ids = keys.map(({ id }) => id)
  return (
    <Stack>
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="dimmed" maw="40rem">
          Keys are delivered to this agent alone, into its memory, when it starts or when you deliver them
          here. A delivery brings all of its keys up to date.
        </Text>
        <Group gap="xs">
          {can('key:sync') && keys.length > 0 && (
            <Button
              variant={waiting ? 'filled' : 'default'}
              loading={sync.isPending}
              disabled={!runs || open !== null}
              onClick={() => sync.mutate()}
            >
              Deliver now
            </Button>
          )}
          {can('agent:update') && <AttachKeys agent={agent} held={ids} change={change} />}
        </Group>
      </Group>
      {waiting && (
        <Text size="sm" role="status">
          {waiting}
        </Text>
      )}
      {open && (
        <Text size="sm" c="dimmed">
          Another operation is open; keys can be changed and delivered when it has ended.
        </Text>
      )}
      {credentials.error && (
        <ProblemAlert error={credentials.error} retry={() => void credentials.refetch()} />
      )}
      {keys.length === 0 ? (
        <EmptyState title="It holds no key" icon={KeyRound}>
          Without one it cannot talk to a model. Attach a key that is stored in this workspace.
        </EmptyState>
      ) : (
        <DataTable
          label="Keys of this agent"
          rows={keys}
          rowKey={({ id }) => id}
          columns={[
            { title: 'Key', cell: (key) => <KeyName held={key} /> },
            { title: 'Stored', cell: ({ stored }) => (stored === undefined ? '—' : `version ${stored}`) },
            {
              title: 'In the agent',
              cell: ({ synced, syncedAt }) =>
                synced === null ? (
                  'not delivered yet'
                ) : (
                  <>
                    version {synced}, <Time at={syncedAt} />
                  </>
                ),
            },
            {
              title: '',
              align: 'right',
              cell: (key) =>
                can('agent:update') && (
                  <Button
                    size="compact-sm"
                    variant="subtle"
                    color="gray"
                    c="var(--mantine-color-error)"
                    disabled={open !== null}
                    onClick={() => setDetaching(key)}
                  >
                    Detach
                  </Button>
                ),
            },
          ]}
        />
      )}
      <DetachKey
        held={detaching}
        runs={runs}
        onClose={() => setDetaching(undefined)}
        onDetach={(id) => change.mutateAsync(ids.filter((one) => one !== id))}
      />
    </Stack>
  )
}

function KeyName({ held }: { held: HeldKey }) {
  return (
    <Stack gap={2}>
      <Group gap={6}>
        <span className="nora-wrap">{held.label ?? 'A key of somebody else'}</span>
        {held.isBehind && (
          <Badge size="sm" variant="outline" color="gray">
            version {held.stored} waits
          </Badge>
        )}
      </Group>
      <Text size="xs" c="dimmed">
        {held.of ?? 'Its owner has not shared it, so only they see what it is.'}
      </Text>
    </Stack>
  )
}
