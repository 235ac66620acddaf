import { List } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { type Member, nameOf } from './people.tsx'
import { leavingWords, removalWords } from './role-words.ts'

type RemoveMemberProps = {
  member: Member | undefined
  onClose: () => void
  /** Told what else has to be known when agents lost a key. */
  onTaken: (words: string) => void
}

/** Asks before a member is removed, and says what goes with them. */
export function RemoveMember({ member, onClose, onTaken }: RemoveMemberProps) {
  const { api, workspace, key } = useWorkspace()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  if (!member) return null
  const name = nameOf(member)
  const remove = async () => {
    const path = { id: workspace.id, userId: member.userId }
    const gone = await withStepUp(() =>
      unwrap(api.DELETE('/api/workspaces/{id}/members/{userId}', { params: { path } })),
    )
    if (gone) onTaken(removalWords(name, gone.detachedFrom.length, gone.notice))
    else said(`${name} was removed.`)
    for (const what of ['members', 'invitations', 'api-keys', 'provider-keys', 'integrations', 'agents'])
      void queries.invalidateQueries({ queryKey: key(what) })
  }
  return (
    <Confirm opened onClose={onClose} title={`Remove ${name}?`} action="Remove member" onConfirm={remove}>
      <List size="sm" spacing="xs">
        {leavingWords('they').map((line) => (
          <List.Item key={line}>{line}</List.Item>
        ))}
      </List>
    </Confirm>
  )
}
