import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { atMost, type Role, rolesUpTo } from '@nora/domain/roles'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { said } from '@nora/ui/toasts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type FormEvent, useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { type Member, nameOf } from './people.tsx'
import { RoleChoice } from './role-choice.tsx'
import { asRole } from './role-words.ts'

/** Gives a member another role, up to one's own. */
export function ChangeRole({ member, onClose }: { member: Member | undefined; onClose: () => void }) {
  const title = member ? `Role of ${nameOf(member)}` : ''
  return (
    <Modal opened={member !== undefined} onClose={onClose} title={title} centered>
      {member && <RoleForm member={member} onClose={onClose} />}
    </Modal>
  )
}

function RoleForm({ member, onClose }: { member: Member; onClose: () => void }) {
  const { api, me, workspace, key } = useWorkspace()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const [role, setRole] = useState<Role>(member.role)
  const self = member.userId === me.user.id
  const change = useMutation({
    mutationFn: () =>
      withStepUp(() =>
        unwrap(
          api.PATCH('/api/workspaces/{id}/members/{userId}', {
            params: { path: { id: workspace.id, userId: member.userId } },
            body: { role },
          }),
        ),
      ),
    onSuccess: async () => {
      onClose()
      said(`${self ? 'You are' : `${nameOf(member)} is`} ${asRole(role)} now.`)
      await queries.invalidateQueries({ queryKey: self ? ['me'] : key('members') })
      await queries.invalidateQueries({ queryKey: key('members') })
      await queries.invalidateQueries({ queryKey: key('invitations') })
    },
  })
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (role === member.role) onClose()
    else change.mutate()
  }
  const lowers = role !== member.role && atMost(role, member.role)
  return (
    <form onSubmit={submit}>
      <Stack>
        <RoleChoice
          label={self ? 'What you may do in this workspace' : 'What they may do in this workspace'}
          roles={rolesUpTo(workspace.role)}
          value={role}
          onChange={setRole}
        />
        {lowers && self && (
          <Alert color="gray" variant="light" title="This is your own role">
            You cannot raise it again yourself: somebody who has a higher role must.
          </Alert>
        )}
        {lowers && !self && (
          <Text size="sm" c="dimmed">
            It takes effect within seconds, in open pages and terminals too. Keys they lent stay lent.
          </Text>
        )}
        {change.error && <ProblemAlert error={change.error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={change.isPending} disabled={role === member.role}>
            Change role
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
