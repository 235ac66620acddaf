import { Badge, Button, Stack, Text, Title } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { atMost } from '@nora/domain/roles'
import { Confirm } from '@nora/ui/confirm'
import { DataTable } from '@nora/ui/data-table'
import { QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { Time } from '@nora/ui/time'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { type Invitation, useInvitations } from './people.tsx'
import { roleWords } from './role-words.ts'

/** The invitations that nobody has accepted yet, for those who may invite. */
export function Invitations() {
  const { workspace } = useWorkspace()
  const invitations = useInvitations()
  const [revoking, setRevoking] = useState<Invitation>()
  return (
    <Stack gap="sm">
      <Title order={2}>Open invitations</Title>
      <QueryView
        query={invitations}
        rows={2}
        isEmpty={(data) => itemsOf(data).length === 0}
        empty={
          <Text size="sm" c="dimmed">
            None is open. An invitation that was accepted, taken back or has ended is not shown here.
          </Text>
        }
      >
        {(data) => (
          <>
            <DataTable
              label="Open invitations"
              rows={itemsOf(data)}
              rowKey={({ id }) => id}
              columns={[
                { title: 'E-mail', cell: ({ email }) => <span className="nora-wrap">{email}</span> },
                {
                  title: 'Role',
                  cell: ({ role }) => <Badge variant="default">{roleWords[role].name}</Badge>,
                },
                { title: 'Made', cell: ({ createdAt }) => <Time at={createdAt} />, wideOnly: true },
                { title: 'Ends', cell: ({ expiresAt }) => <Time at={expiresAt} /> },
                {
                  title: '',
                  align: 'right',
                  cell: (one) =>
                    atMost(one.role, workspace.role) && (
                      <Button
                        size="compact-sm"
                        variant="default"
                        onClick={() => setRevoking(one)}
                        aria-label={`Take back the invitation of ${one.email}`}
                      >
                        Take back
                      </Button>
                    ),
                },
              ]}
            />
            <ShowMore query={invitations} />
          </>
        )}
      </QueryView>
      <RevokeInvitation invitation={revoking} onClose={() => setRevoking(undefined)} />
    </Stack>
  )
}

type RevokeProps = { invitation: Invitation | undefined; onClose: () => void }

function RevokeInvitation({ invitation, onClose }: RevokeProps) {
  const { api, workspace, key } = useWorkspace()
  const queries = useQueryClient()
  if (!invitation) return null
  const revoke = async () => {
    const path = { id: workspace.id, invitationId: invitation.id }
    await unwrap(api.DELETE('/api/workspaces/{id}/invitations/{invitationId}', { params: { path } }))
    said(`The invitation of ${invitation.email} was taken back.`)
    void queries.invalidateQueries({ queryKey: key('invitations') })
  }
  return (
    <Confirm opened onClose={onClose} title="Take the invitation back?" action="Take back" onConfirm={revoke}>
      The link that <b>{invitation.email}</b> was given stops working at once. You can invite them again.
    </Confirm>
  )
}
