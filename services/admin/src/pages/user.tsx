import { Button, Group, Paper, SimpleGrid, Stack, Text, Title } from '@mantine/core'
import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { Confirm } from '@nora/ui/confirm'
import { CopyButton } from '@nora/ui/copy-button'
import { DataTable } from '@nora/ui/data-table'
import { counted } from '@nora/ui/lib/words'
import { Page } from '@nora/ui/page'
import { EmptyState, QueryView } from '@nora/ui/query-view'
import { useWithStepUp } from '@nora/ui/step-up'
import { Time } from '@nora/ui/time'
import { said } from '@nora/ui/toasts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useParams } from 'react-router'
import { api } from '../api.ts'
import { useSignedIn } from '../session.tsx'
import { Standing } from './users.tsx'

type User = Answered<'/api/admin/users/{id}', 'get'>

/** One person: where they belong, and what an admin may do about them. */
export function UserPage() {
  const { userId = '' } = useParams()
  const path = { id: userId }
  const user = useQuery({
    queryKey: ['users', userId],
    queryFn: ({ signal }) => unwrap(api.call.GET('/api/admin/users/{id}', { params: { path }, signal })),
  })
  return (
    <Page
      title={user.data?.email ?? 'Person'}
      above={[{ title: 'People', to: '/users' }]}
      actions={user.data && <Actions user={user.data} />}
    >
      <QueryView query={user}>{(data) => <Detail user={data} />}</QueryView>
    </Page>
  )
}

function Detail({ user }: { user: User }) {
  const facts: [string, ReactNode][] = [
    ['Standing', <Standing key="s" {...user} />],
    ['Name', user.name || '–'],
    ['Since', <Time key="c" at={user.createdAt} />],
    ['Last seen', <Time key="l" at={user.lastSeenAt} never="not signed in" />],
    ['Open sessions', `${user.sessions} in the console, ${user.adminSessions} here`],
    ['Agents', counted(user.agents, 'agent')],
    ...(user.disabledAt ? [['Disabled', <Time key="d" at={user.disabledAt} />] as [string, ReactNode]] : []),
  ]
  return (
    <Stack gap="lg">
      <Paper withBorder p="lg">
        <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} component="dl" m={0}>
          {facts.map(([name, value]) => (
            <div key={name}>
              <Text component="dt" size="sm" c="dimmed">
                {name}
              </Text>
              <Text component="dd" m={0} size="sm">
                {value}
              </Text>
            </div>
          ))}
        </SimpleGrid>
        <Group gap={4} mt="md">
          <Text size="xs" c="dimmed" className="nora-wrap">
            {user.id}
          </Text>
          <CopyButton value={user.id} label="Copy the id" />
        </Group>
      </Paper>
      <Title order={2}>Workspaces</Title>
      {user.memberships.length === 0 ? (
        <EmptyState title="In no workspace">This person belongs to no workspace.</EmptyState>
      ) : (
        <DataTable
          label="Workspaces"
          rows={user.memberships}
          rowKey={({ workspaceId }) => workspaceId}
          columns={[
            { title: 'Workspace', cell: ({ workspaceName }) => workspaceName },
            { title: 'Role', cell: ({ role, personal }) => (personal ? 'own, personal' : role) },
            { title: 'Since', cell: ({ since }) => <Time at={since} /> },
          ]}
        />
      )}
    </Stack>
  )
}

type Asked = 'disable' | 'enable' | 'sign-out' | 'admin' | 'user'

function Actions({ user }: { user: User }) {
  const [asked, setAsked] = useState<Asked>()
  const self = useSignedIn()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const path = { id: user.id }
  const change = (body: { disabled?: boolean; platformRole?: 'user' | 'admin' }) =>
    withStepUp(() => unwrap(api.call.PATCH('/api/admin/users/{id}', { params: { path }, body })))
  const run: Record<Asked, () => Promise<unknown>> = {
    disable: () => change({ disabled: true }),
    enable: () => change({ disabled: false }),
    admin: () => change({ platformRole: 'admin' }),
    user: () => change({ platformRole: 'user' }),
    'sign-out': () =>
      withStepUp(() =>
        unwrap(api.call.POST('/api/admin/users/{id}/sign-out', { params: { path }, body: {} })),
      ),
  }
  const own = self.user.id === user.id
  const button = (which: Asked, label: string) => (
    <Button key={which} variant="default" onClick={() => setAsked(which)}>
      {label}
    </Button>
  )
  return (
    <>
      {button('sign-out', 'Sign out everywhere')}
      {user.platformRole === 'admin'
        ? button('user', 'Take the admin role')
        : button('admin', 'Make platform admin')}
      {user.disabledAt ? button('enable', 'Enable') : !own && button('disable', 'Disable')}
      <Confirm
        opened={asked !== undefined}
        onClose={() => setAsked(undefined)}
        title={asked ? questions[asked].title : ''}
        action={asked ? questions[asked].action : ''}
        color={asked === 'enable' || asked === 'admin' ? '' : 'red.8'}
        onConfirm={async () => {
          if (!asked) return
          await run[asked]()
          said(questions[asked].done)
          await queries.invalidateQueries({ queryKey: ['users'] })
        }}
      >
        <Text size="sm" fw={600} className="nora-wrap">
          {user.email}
        </Text>
        {asked && questions[asked].text}
      </Confirm>
    </>
  )
}

const questions: Record<Asked, { title: string; text: string; action: string; done: string }> = {
  disable: {
    title: 'Disable this account?',
    text: 'They are signed out everywhere within seconds and cannot sign in. Their API keys stop; their agents go on running. You can enable the account again.',
    action: 'Disable account',
    done: 'The account is disabled.',
  },
  enable: {
    title: 'Enable this account?',
    text: 'They can sign in again with what they had.',
    action: 'Enable account',
    done: 'The account is enabled.',
  },
  'sign-out': {
    title: 'Sign this person out everywhere?',
    text: 'Every session of theirs ends, in the console and here. They can sign in again. API keys are no sessions and stay.',
    action: 'Sign out everywhere',
    done: 'Every session has ended.',
  },
  admin: {
    title: 'Make this person a platform admin?',
    text: 'They can disable people, see who belongs where, and act on the queue of the whole server. They see no secrets and no logs.',
    action: 'Make platform admin',
    done: 'They are a platform admin now.',
  },
  user: {
    title: 'Take the admin role away?',
    text: 'Their sessions of the admin app end at once. Their workspaces stay as they are.',
    action: 'Take the role',
    done: 'They are no platform admin any more.',
  },
}
