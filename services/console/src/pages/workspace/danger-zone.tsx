import { Button, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { DeleteWorkspace } from './delete-workspace.tsx'
import { LeaveWorkspace } from './leave.tsx'
import type { WorkspaceView } from './people.tsx'

/** What cannot be taken back: leaving the workspace, and its end. */
export function DangerZone({ view }: { view: WorkspaceView }) {
  const { can } = useWorkspace()
  const [leaving, setLeaving] = useState(false)
  const [deleting, setDeleting] = useState(false)
  if (view.personal) return null
  return (
    <Paper withBorder p="lg">
      <Stack>
        <Title order={2}>What cannot be undone</Title>
        <Group justify="space-between" gap="sm">
          <Text size="sm" flex="1 1 16rem">
            Leave this workspace. Your keys go with you; your agents stay.
          </Text>
          <Button variant="default" onClick={() => setLeaving(true)}>
            Leave workspace
          </Button>
        </Group>
        {can('workspace:delete') && (
          <Group justify="space-between" gap="sm">
            <Text size="sm" flex="1 1 16rem">
              {view.deleting
                ? 'It is on its way out; this cannot be stopped.'
                : 'Delete this workspace with its agents, their data and everybody’s keys.'}
            </Text>
            {!view.deleting && (
              <Button color="red.8" onClick={() => setDeleting(true)}>
                Delete workspace
              </Button>
            )}
          </Group>
        )}
      </Stack>
      <LeaveWorkspace opened={leaving} onClose={() => setLeaving(false)} />
      <DeleteWorkspace name={view.name} opened={deleting} onClose={() => setDeleting(false)} />
    </Paper>
  )
}
