import { Button, Group, Paper, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { printable } from '@nora/ui/lib/printable'
import { Time } from '@nora/ui/time'
import { failed, said } from '@nora/ui/toasts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { LoaderCircle } from 'lucide-react'
import { useWorkspace } from '../../session.tsx'
import { type Agent, openOperation } from '../agents/agent-actions.ts'
import { operationWords } from './operation-words.ts'

/** What is being done with the agent: which step, since when, and the way to stop it. */
export function OpenOperation({ agent }: { agent: Agent }) {
  const { api, key, can } = useWorkspace()
  const queries = useQueryClient()
  const operation = openOperation(agent)
  const cancel = useMutation({
    mutationFn: (opId: string) => {
      const params = { path: { id: agent.id, opId } }
      return unwrap(api.POST('/api/agents/{id}/operations/{opId}/cancel', { params, body: {} }))
    },
    onSuccess: ({ status }) =>
      said(status === 'cancelled' ? 'Cancelled before it began.' : 'It is being cancelled.'),
    onError: (error) => failed(error, 'It could not be cancelled'),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: key('agent', agent.id) }),
        queries.invalidateQueries({ queryKey: key('agents') }),
      ]),
  })
  if (!operation) return null
  const { title } = operationWords(operation.kind)
  const begunDelete = operation.kind === 'delete' && operation.status === 'running'
  return (
    <Paper withBorder p="sm" radius="md" component="section" aria-label="What is being done">
      <Group justify="space-between" gap="sm">
        <Group gap="sm" wrap="nowrap" flex="1 1 16rem" miw={0}>
          <LoaderCircle size={18} aria-hidden />
          <Stack gap={0} miw={0}>
            <Text size="sm" fw={600} role="status">
              {title}: {operation.status === 'queued' ? 'waiting' : 'at work'}
            </Text>
            <Text size="sm" c="dimmed" className="nora-wrap">
              {printable(operation.reason)}, asked for <Time at={operation.createdAt} />. Until it has ended
              only Stop and Delete are taken.
            </Text>
          </Stack>
        </Group>
        {can('agent:operate') && !begunDelete && (
          <Button
            size="xs"
            variant="default"
            loading={cancel.isPending}
            onClick={() => cancel.mutate(operation.id)}
          >
            Cancel
          </Button>
        )}
      </Group>
    </Paper>
  )
}
