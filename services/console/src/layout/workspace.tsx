import { Page } from '@nora/ui/page'
import { EmptyState } from '@nora/ui/query-view'
import type { NavItem } from '@nora/ui/shell'
import { Bot, FileClock, KeyRound, Plug, Settings, Users } from 'lucide-react'
import { useEffect, useMemo } from 'react'
import { Outlet, useParams } from 'react-router'
import { inWorkspace, rememberWorkspace, useSignedIn, WorkspaceContext } from '../session.tsx'
import { ConsoleShell } from './console-shell.tsx'

/** Everything in one workspace. */
export function WorkspaceLayout() {
  const me = useSignedIn()
  const { workspaceId = '' } = useParams()
  const workspace = me.workspaces.find(({ id }) => id === workspaceId)
  const here = useMemo(() => workspace && inWorkspace(me, workspace), [me, workspace])
  useEffect(() => {
    if (workspace) rememberWorkspace(workspace.id)
  }, [workspace])
  if (!here)
    return (
      <ConsoleShell nav={[]}>
        <Page title="No such workspace">
          <EmptyState title="You are not in this workspace">
            It was deleted, or you were never a member or are none any more. Choose another at the left.
          </EmptyState>
        </Page>
      </ConsoleShell>
    )
  const nav: NavItem[] = [
    { title: 'Agents', to: here.to('/agents'), icon: Bot },
    { title: 'Keys and credentials', to: here.to('/credentials'), icon: KeyRound },
    { title: 'Members', to: here.to('/members'), icon: Users },
    ...(here.can('api-key:manage')
      ? [{ title: 'Agent Hub keys', to: here.to('/api-keys'), icon: Plug }]
      : []),
    ...(here.can('audit:read') ? [{ title: 'Audit', to: here.to('/audit'), icon: FileClock }] : []),
    { title: 'Settings', to: here.to('/settings'), icon: Settings },
  ]
  return (
    <WorkspaceContext value={here}>
      <ConsoleShell nav={nav} workspaceId={here.workspace.id}>
        <Outlet />
      </ConsoleShell>
    </WorkspaceContext>
  )
}
