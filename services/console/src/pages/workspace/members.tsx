import { Alert, Badge, Button, Group, Paper, Stack, Text, Title } from '@mantine/core'
import { roles } from '@nora/domain/roles'
import { DataTable } from '@nora/ui/data-table'
import { Facts } from '@nora/ui/facts'
import { Page } from '@nora/ui/page'
import { QueryView } from '@nora/ui/query-view'
import { itemsOf, ShowMore } from '@nora/ui/show-more'
import { Time } from '@nora/ui/time'
import { Plus } from 'lucide-react'
import { useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import { ChangeRole } from './change-role.tsx'
import { Invitations } from './invitations.tsx'
import { Invite } from './invite.tsx'
import { LeaveWorkspace } from './leave.tsx'
import { type Member, mayManage, nameOf, useMembers } from './people.tsx'
import { RemoveMember } from './remove-member.tsx'
import { roleWords } from './role-words.ts'

/** Who belongs to the workspace, as what; and who is invited. */
export function MembersPage() {
  const { can, me, workspace } = useWorkspace()
  const members = useMembers()
  const [inviting, setInviting] = useState(false)
  const [leaving, setLeaving] = useState(false)
  const [changing, setChanging] = useState<Member>()
  const [removing, setRemoving] = useState<Member>()
  const [taken, setTaken] = useState<string>()
  return (
    <Page
      title="Members"
      description={`Who belongs to ${workspace.name}, and what they may do in it.`}
      actions={
        can('invitation:manage') && (
          <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setInviting(true)}>
            Invite somebody
          </Button>
        )
      }
    >
      {taken && (
        <Alert
          color="gray"
          variant="light"
          title="Keys were taken out of agents"
          withCloseButton
          closeButtonLabel="Close"
          onClose={() => setTaken(undefined)}
        >
          {taken}
        </Alert>
      )}
      <QueryView query={members}>
        {(data) => (
          <Stack gap="md">
            <DataTable
              label="Members"
              rows={itemsOf(data)}
              rowKey={({ userId }) => userId}
              columns={[
                {
                  title: 'Member',
                  cell: (member) => <Who member={member} you={member.userId === me.user.id} />,
                },
                {
                  title: 'Role',
                  cell: ({ role }) => <Badge variant="default">{roleWords[role].name}</Badge>,
                },
                { title: 'Member since', cell: ({ joinedAt }) => <Time at={joinedAt} /> },
                {
                  title: '',
                  align: 'right',
                  cell: (member) => (
                    <MemberActions
                      member={member}
                      onChange={() => setChanging(member)}
                      onRemove={() => setRemoving(member)}
                      onLeave={() => setLeaving(true)}
                    />
                  ),
                },
              ]}
            />
            <ShowMore query={members} />
          </Stack>
        )}
      </QueryView>
      {can('invitation:manage') && <Invitations />}
      <Roles />
      <Invite opened={inviting} onClose={() => setInviting(false)} />
      <ChangeRole member={changing} onClose={() => setChanging(undefined)} />
      <RemoveMember member={removing} onClose={() => setRemoving(undefined)} onTaken={setTaken} />
      <LeaveWorkspace opened={leaving} onClose={() => setLeaving(false)} />
    </Page>
  )
}

function Who({ member, you }: { member: Member; you: boolean }) {
  return (
    <Stack gap={0}>
      <Group gap="xs">
        <Text size="sm" fw={550} className="nora-wrap">
          {nameOf(member)}
        </Text>
        {you && (
          <Badge variant="default" size="sm">
            You
          </Badge>
        )}
      </Group>
      {member.name && (
        <Text size="sm" c="dimmed" className="nora-wrap">
          {member.email}
        </Text>
      )}
    </Stack>
  )
}

/** For everybody: what a role stands for. */
function Roles() {
  return (
    <Stack gap="sm">
      <Title order={2}>What each role may do</Title>
      <Paper withBorder p="md">
        <Facts
          label="What each role may do"
          facts={roles.map((role) => ({ title: roleWords[role].name, value: roleWords[role].may }))}
        />
      </Paper>
    </Stack>
  )
}

type MemberActionsProps = { member: Member; onChange: () => void; onRemove: () => void; onLeave: () => void }

function MemberActions({ member, onChange, onRemove, onLeave }: MemberActionsProps) {
  const here = useWorkspace()
  const self = member.userId === here.me.user.id
  const manage = mayManage(here, member)
  const name = nameOf(member)
  const ownHome = self && here.workspace.id === here.me.personalWorkspaceId
  if (ownHome) return null
  return (
    <Group gap="xs" justify="flex-end" wrap="nowrap">
      {manage && (
        <Button size="compact-sm" variant="default" onClick={onChange} aria-label={`Change role of ${name}`}>
          Change role
        </Button>
      )}
      {self && (
        <Button size="compact-sm" variant="default" onClick={onLeave}>
          Leave
        </Button>
      )}
      {manage && !self && (
        <Button size="compact-sm" variant="default" onClick={onRemove} aria-label={`Remove ${name}`}>
          Remove
        </Button>
      )}
    </Group>
  )
}
