import { Alert, Group, Paper, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { CopyButton } from '@nora/ui/copy-button'
import { Facts } from '@nora/ui/facts'
import { Page } from '@nora/ui/page'
import { QueryView } from '@nora/ui/query-view'
import { Time } from '@nora/ui/time'
import { useQuery } from '@tanstack/react-query'
import { useWorkspace } from '../../session.tsx'
import { DangerZone } from './danger-zone.tsx'
import type { WorkspaceView } from './people.tsx'
import { RenameWorkspace } from './rename.tsx'
import { roleWords } from './role-words.ts'
import { TransferOwnership } from './transfer.tsx'

/** What the workspace is called, whose it is, and its end. */
export function WorkspaceSettingsPage() {
  const { api, key, can, workspace, to } = useWorkspace()
  const view = useQuery({
    queryKey: key('workspace'),
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/workspaces/{id}', { params: { path: { id: workspace.id } }, signal })),
  })
  return (
    <Page title="Settings" description={`What ${workspace.name} is called, whose it is, and its end.`}>
      <QueryView query={view} rows={3}>
        {(one) => (
          <Stack gap="lg" maw="46rem">
            {one.deleting && (
              <Alert color="red" variant="light" title="This workspace is being deleted">
                It takes nothing new, and goes when its last agent is gone.
              </Alert>
            )}
            <About view={one} />
            {can('workspace:update') && !one.deleting && <RenameWorkspace name={one.name} />}
            {workspace.role === 'owner' && !one.personal && !one.deleting && (
              <TransferOwnership membersPath={to('/members')} />
            )}
            <DangerZone view={one} />
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

function About({ view }: { view: WorkspaceView }) {
  return (
    <Paper withBorder p="lg">
      <Facts
        label="About this workspace"
        facts={[
          { title: 'Name', value: view.name },
          { title: 'Your role', value: `${roleWords[view.role].name}: ${roleWords[view.role].brief}` },
          ...(view.personal
            ? [{ title: 'Kind', value: 'Your personal workspace: it stays as long as your account does.' }]
            : []),
          { title: 'Created', value: <Time at={view.createdAt} /> },
          {
            title: 'Id',
            value: (
              <Group gap={4} wrap="nowrap">
                <Text span ff="monospace" size="xs" className="nora-wrap">
                  {view.id}
                </Text>
                <CopyButton value={view.id} label="Copy the workspace’s id" />
              </Group>
            ),
          },
        ]}
      />
    </Paper>
  )
}
