import { List } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { leavingWords } from './role-words.ts'

/** Asks whoever wants to leave the workspace, and leads them to their own. */
export function LeaveWorkspace({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { api, me, workspace } = useWorkspace()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const leave = async () => {
    const path = { id: workspace.id, userId: me.user.id }
    await unwrap(api.DELETE('/api/workspaces/{id}/members/{userId}', { params: { path } }))
    await navigate(`/w/${me.personalWorkspaceId}/agents`)
    said(`You left ${workspace.name}.`)
    await queries.invalidateQueries({ queryKey: ['me'] })
  }
  return (
    <Confirm
      opened={opened}
      onClose={onClose}
      title={`Leave ${workspace.name}?`}
      action="Leave workspace"
      onConfirm={leave}
    >
      <List size="sm" spacing="xs">
        {leavingWords('you').map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
    </Confirm>
  )
}
