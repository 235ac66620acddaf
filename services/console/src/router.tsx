import { NoSuchPage, RouteProblem } from '@nora/ui/route-problem'
import { createBrowserRouter, type RouteObject } from 'react-router'
import { AccountLayout } from './layout/account.tsx'
import { SignedInLayout } from './layout/signed-in.tsx'
import { Start } from './layout/start.tsx'
import { WorkspaceLayout } from './layout/workspace.tsx'
import { catchInvitation, invitationPath } from './pages/workspace/invitation-token.ts'

// Every page of the console. Each is a file of its own that is loaded when somebody goes there.
const signedOut: RouteObject[] = [
  { path: 'claim', lazy: async () => ({ Component: (await import('./pages/sign-in/claim.tsx')).ClaimPage }) },
  {
    path: 'sign-up',
    lazy: async () => ({ Component: (await import('./pages/sign-in/sign-up.tsx')).SignUpPage }),
  },
  {
    path: 'sign-in',
    lazy: async () => ({ Component: (await import('./pages/sign-in/sign-in.tsx')).SignInPage }),
  },
  {
    path: 'sign-in/problem',
    lazy: async () => ({
      Component: (await import('./pages/sign-in/provider-problem.tsx')).ProviderProblemPage,
    }),
  },
]

const account: RouteObject[] = [
  {
    path: 'account/:section?',
    lazy: async () => ({ Component: (await import('./pages/account/account.tsx')).AccountPage }),
  },
  {
    path: 'invitation',
    lazy: async () => ({
      Component: (await import('./pages/workspace/accept-invitation.tsx')).AcceptInvitationPage,
    }),
  },
  {
    path: 'workspaces/new',
    lazy: async () => ({ Component: (await import('./pages/workspace/new-workspace.tsx')).NewWorkspacePage }),
  },
]

const inWorkspace: RouteObject[] = [
  {
    path: 'agents',
    lazy: async () => ({ Component: (await import('./pages/agents/agents.tsx')).AgentsPage }),
  },
  {
    path: 'agents/new',
    lazy: async () => ({ Component: (await import('./pages/agents/deploy.tsx')).DeployPage }),
  },
  {
    path: 'agents/:agentId/:tab?',
    lazy: async () => ({ Component: (await import('./pages/agent/agent.tsx')).AgentPage }),
  },
  {
    path: 'credentials/:family?',
    lazy: async () => ({ Component: (await import('./pages/credentials/credentials.tsx')).CredentialsPage }),
  },
  {
    path: 'api-keys',
    lazy: async () => ({ Component: (await import('./pages/api-keys/api-keys.tsx')).ApiKeysPage }),
  },
  {
    path: 'members',
    lazy: async () => ({ Component: (await import('./pages/workspace/members.tsx')).MembersPage }),
  },
  { path: 'audit', lazy: async () => ({ Component: (await import('./pages/audit/audit.tsx')).AuditPage }) },
  {
    path: 'settings',
    lazy: async () => ({ Component: (await import('./pages/workspace/settings.tsx')).WorkspaceSettingsPage }),
  },
]

// Before the router reads the address.
catchInvitation()

export const router = createBrowserRouter([
  {
    ErrorBoundary: RouteProblem,
    HydrateFallback: () => null,
    children: [
      { index: true, Component: Start },
      ...signedOut,
      {
        Component: SignedInLayout,
        children: [
          { Component: AccountLayout, children: account },
          {
            path: 'w/:workspaceId',
            Component: WorkspaceLayout,
            children: [...inWorkspace, { path: '*', Component: NoSuchPage }],
          },
          { path: '*', Component: NoSuchPage },
        ],
      },
    ],
  },
])

// A second link opened in the same tab changes the part behind the `#` alone, and loads nothing anew.
window.addEventListener('hashchange', () => {
  if (catchInvitation()) void router.navigate(invitationPath, { replace: true })
})
