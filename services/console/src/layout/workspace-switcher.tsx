import { Button, Menu, Text } from '@mantine/core'
import { Check, ChevronsUpDown, Plus } from 'lucide-react'
import { Link } from 'react-router'
import { useSignedIn } from '../session.tsx'

/** Shows the present workspace and leads to the others. */
export function WorkspaceSwitcher({ current }: { current?: string | undefined }) {
  const { workspaces, personalWorkspaceId } = useSignedIn()
  const here = workspaces.find(({ id }) => id === current)
  return (
    <Menu width="target" position="bottom-start">
      <Menu.Target>
        <Button
          variant="default"
          fullWidth
          justify="space-between"
          rightSection={<ChevronsUpDown size={16} aria-hidden />}
          aria-label={`Workspace: ${here?.name ?? 'none chosen'}. Choose another`}
        >
          <Text size="sm" truncate>
            {here?.name ?? 'Choose a workspace'}
          </Text>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Workspaces</Menu.Label>
        {workspaces.map(({ id, name, role }) => (
          <Menu.Item
            key={id}
            component={Link}
            to={`/w/${id}/agents`}
            aria-current={id === current || undefined}
            rightSection={id === current ? <Check size={16} aria-hidden /> : undefined}
          >
            <Text size="sm" truncate>
              {name}
            </Text>
            <Text size="xs" c="dimmed">
              {id === personalWorkspaceId ? 'yours alone' : role}
            </Text>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item component={Link} to="/workspaces/new" leftSection={<Plus size={16} aria-hidden />}>
          New workspace
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
