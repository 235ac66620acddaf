import { Anchor, Badge, Button, Group, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { tellOtherTabs } from '@nora/ui/lib/other-tabs'
import { LiveNotice } from '@nora/ui/live-notice'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { LoadingRows } from '@nora/ui/query-view'
import { type NavItem, Shell } from '@nora/ui/shell'
import { StepUpProvider } from '@nora/ui/step-up'
import { failed } from '@nora/ui/toasts'
import { Bot, FileClock, KeyRound, LayoutDashboard, ListTodo, ServerCog, Settings, Users } from 'lucide-react'
import { Link, Navigate, Outlet, useLocation } from 'react-router'
import { adminSource } from '../admin-source.ts'
import { api } from '../api.ts'
import logo from '../nora.svg'
import { SelfContext, useSelf } from '../session.tsx'
import { ConfirmAdmin } from '../step-up.tsx'

const nav: NavItem[] = [
  { title: 'Overview', to: '/', icon: LayoutDashboard, end: true },
  { title: 'People', to: '/users', icon: Users },
  { title: 'Agents', to: '/agents', icon: Bot },
  { title: 'Queue', to: '/queue', icon: ListTodo },
  { title: 'Workers', to: '/workers', icon: ServerCog },
  { title: 'Audit', to: '/audit', icon: FileClock },
  { title: 'Encryption keys', to: '/keys', icon: KeyRound },
  { title: 'Settings', to: '/settings', icon: Settings },
]

/** Pages for the admin who is signed in and has shown a second factor where one is due; others are led to the sign-in. */
export function AdminLayout() {
  const self = useSelf()
  const { pathname, search } = useLocation()
  if (self.data === undefined)
    return self.error ? (
      <ProblemAlert error={self.error} retry={() => void self.refetch()} />
    ) : (
      <LoadingRows rows={3} />
    )
  if (self.data === null || self.data.secondFactorDue) {
    const back = pathname === '/' ? '' : `?returnTo=${encodeURIComponent(pathname + search)}`
    return <Navigate to={`/sign-in${back}`} replace />
  }
  const brand = (
    <Anchor component={Link} to="/" underline="never" title="To the start">
      <Group gap={8} wrap="nowrap">
        <img src={logo} alt="" width={28} height={28} />
        <Text fw={650} size="lg" c="var(--mantine-color-text)">
          Nora
        </Text>
        <Badge variant="filled">Admin</Badge>
      </Group>
    </Anchor>
  )
  return (
    <SelfContext value={self.data}>
      <StepUpProvider ways={ConfirmAdmin}>
        <Shell
          brand={brand}
          nav={nav}
          header={
            <>
              <LiveNotice source={adminSource} />
              <SignOut />
            </>
          }
        >
          <Outlet />
        </Shell>
      </StepUpProvider>
    </SelfContext>
  )
}

function SignOut() {
  const signOut = async () => {
    try {
      await unwrap(api.call.POST('/api/admin/auth/logout', { body: {} }))
      tellOtherTabs()
      // A new page: nothing of theirs stays in memory.
      window.location.assign('/admin/sign-in')
    } catch (error) {
      failed(error, 'You are still signed in')
    }
  }
  return (
    <Button variant="subtle" color="gray" size="compact-sm" onClick={() => void signOut()}>
      Sign out
    </Button>
  )
}
