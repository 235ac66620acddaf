import { Page } from '@nora/ui/page'
import { EmptyState } from '@nora/ui/query-view'
import { useEffect, useMemo } from 'react'
import { Outlet, useParams } from 'react-router'
import { inWorkspace, rememberWorkspace, useSignedIn, WorkspaceContext } from '../session.tsx'
import { ConsoleShell } from './console-shell.tsx'
import { workspaceNav } from './workspace-nav.ts'

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
  return (
    <WorkspaceContext value={here}>
      <ConsoleShell nav={workspaceNav(here)} workspaceId={here.workspace.id}>
        <Outlet />
      </ConsoleShell>
    </WorkspaceContext>
  )
}
