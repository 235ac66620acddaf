import { Outlet } from 'react-router'
import { inWorkspace, startingWorkspace, useSignedIn } from '../session.tsx'
import { ConsoleShell } from './console-shell.tsx'
import { workspaceNav } from './workspace-nav.ts'

/** Pages that belong to a person and to no workspace, in the frame of the one they begin in, so that there is a way back. */
export function AccountLayout() {
  const me = useSignedIn()
  const id = startingWorkspace(me)
  const workspace = me.workspaces.find((each) => each.id === id)
  return (
    <ConsoleShell nav={workspace ? workspaceNav(inWorkspace(me, workspace)) : []} workspaceId={id}>
      <Outlet />
    </ConsoleShell>
  )
}
