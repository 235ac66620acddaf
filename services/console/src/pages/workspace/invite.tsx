import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { isEmail, useForm } from '@mantine/form'
import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { type Role, rolesUpTo } from '@nora/domain/roles'
import { fieldErrors } from '@nora/ui/lib/problem-words'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { InvitationLink } from './invitation-link.tsx'
import { RoleChoice } from './role-choice.tsx'

type Made = Answered<'/api/workspaces/{id}/invitations', 'post'>

/** Invites an address, and shows the link to hand on: once, for as long as the dialogue is open. */
export function Invite({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Invite somebody" centered closeOnClickOutside={false}>
      {opened && <InviteSteps onClose={onClose} />}
    </Modal>
  )
}

function InviteSteps({ onClose }: { onClose: () => void }) {
  const [made, setMade] = useState<Made>()
  return made ? (
    <InvitationLink made={made} onClose={onClose} />
  ) : (
    <InviteForm onMade={setMade} onClose={onClose} />
  )
}

function InviteForm({ onMade, onClose }: { onMade: (made: Made) => void; onClose: () => void }) {
  const { api, workspace, key } = useWorkspace()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const [error, setError] = useState<unknown>()
  const form = useForm<{ email: string; role: Role }>({
    initialValues: { email: '', role: 'viewer' },
    validate: { email: isEmail('Write an e-mail address.') },
  })
  // No mutation of the query library: it would keep the answer, and so the link, after the dialogue is gone.
  const submit = async (body: { email: string; role: Role }) => {
    setError(undefined)
    try {
      const params = { path: { id: workspace.id } }
      const made = await withStepUp(() =>
        unwrap(api.POST('/api/workspaces/{id}/invitations', { params, body })),
      )
      void queries.invalidateQueries({ queryKey: key('invitations') })
      onMade(made)
    } catch (problem) {
      const wrong = fieldErrors(problem)
      form.setErrors(wrong)
      if (Object.keys(wrong).length === 0) setError(problem)
    }
  }
  return (
    <form onSubmit={form.onSubmit(submit, () => form.getInputNode('email')?.focus())} noValidate>
      <Stack>
        <Text size="sm">
          Nora sends no mail. You get a link to hand on yourself, which works once, for this address alone,
          within seven days.
        </Text>
        <TextInput
          label="E-mail address"
          description="The one they sign in to this server with. An earlier invitation of it is replaced."
          type="email"
          autoComplete="off"
          required
          withAsterisk={false}
          data-autofocus
          {...form.getInputProps('email')}
          key={form.key('email')}
        />
        <RoleChoice
          label="Role"
          roles={rolesUpTo(workspace.role)}
          value={form.values.role}
          onChange={(role) => form.setFieldValue('role', role)}
        />
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={form.submitting}>
            Make an invitation
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
