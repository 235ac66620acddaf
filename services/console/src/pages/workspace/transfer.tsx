import { Anchor, Button, Group, Paper, Select, Stack, Text, Title } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { QueryView } from '@nora/ui/query-view'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { type Member, nameOf, useManyMembers } from './people.tsx'

/** Hands ownership over to another member: they become an owner and the caller an admin, in the same moment. */
export function TransferOwnership({ membersPath }: { membersPath: string }) {
  const { me } = useWorkspace()
  const members = useManyMembers()
  const [chosen, setChosen] = useState<string | null>(null)
  const [asking, setAsking] = useState(false)
  return (
    <Paper withBorder p="lg">
      <Stack>
        <Title order={2}>Ownership</Title>
        <Text size="sm">
          Make somebody else the owner and step down to admin yourself, in one step. To have a second owner
          beside you, give them that role under{' '}
          <Anchor component={Link} to={membersPath} inherit underline="always">
            Members
          </Anchor>
          .
        </Text>
        <QueryView
          query={members}
          rows={1}
          isEmpty={(all) => others(all, me.user.id).length === 0}
          empty={
            <Text size="sm" c="dimmed">
              Nobody else is a member yet.
            </Text>
          }
        >
          {(all) => {
            const to = others(all, me.user.id).find(({ userId }) => userId === chosen)
            return (
              <>
                <Select
                  label="New owner"
                  placeholder="Choose a member"
                  data={others(all, me.user.id).map((member) => ({
                    value: member.userId,
                    label: member.name ? `${member.name} (${member.email})` : member.email,
                  }))}
                  value={chosen}
                  onChange={setChosen}
                  searchable
                  nothingFoundMessage="No such member"
                />
                <Group justify="flex-end">
                  <Button variant="default" disabled={!to} onClick={() => setAsking(true)}>
                    Transfer ownership
                  </Button>
                </Group>
                {to && <AskTransfer to={to} opened={asking} onClose={() => setAsking(false)} />}
              </>
            )
          }}
        </QueryView>
      </Stack>
    </Paper>
  )
}

const others = (members: Member[], me: string) => members.filter(({ userId }) => userId !== me)

function AskTransfer({ to, opened, onClose }: { to: Member; opened: boolean; onClose: () => void }) {
  const { api, workspace, key } = useWorkspace()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const transfer = async () => {
    await withStepUp(() =>
      unwrap(
        api.PATCH('/api/workspaces/{id}/members/{userId}', {
          params: { path: { id: workspace.id, userId: to.userId } },
          body: { role: 'owner', transfer: true },
        }),
      ),
    )
    said(`${nameOf(to)} is the owner of ${workspace.name} now.`)
    for (const what of ['members', 'invitations', 'workspace'])
      void queries.invalidateQueries({ queryKey: key(what) })
    void queries.invalidateQueries({ queryKey: ['me'] })
  }
  return (
    <Confirm
      opened={opened}
      onClose={onClose}
      title={`Make ${nameOf(to)} the owner?`}
      action="Transfer ownership"
      onConfirm={transfer}
    >
      {nameOf(to)} may then do everything here, delete the workspace included. You become an admin, and only
      an owner can make you one again.
    </Confirm>
  )
}
