import { NoSuchPage, RouteProblem } from '@nora/ui/route-problem'
import { createBrowserRouter } from 'react-router'
import { AdminLayout } from './layout/admin.tsx'

// Every page of the admin app. Each is a file of its own that is loaded when somebody goes there.
export const router = createBrowserRouter(
  [
    {
      ErrorBoundary: RouteProblem,
      HydrateFallback: () => null,
      children: [
        {
          path: 'sign-in',
          lazy: async () => ({ Component: (await import('./pages/sign-in.tsx')).SignInPage }),
        },
        {
          Component: AdminLayout,
          children: [
            {
              index: true,
              lazy: async () => ({ Component: (await import('./pages/overview.tsx')).OverviewPage }),
            },
            {
              path: 'users',
              lazy: async () => ({ Component: (await import('./pages/users.tsx')).UsersPage }),
            },
            {
              path: 'users/:userId',
              lazy: async () => ({ Component: (await import('./pages/user.tsx')).UserPage }),
            },
            {
              path: 'agents',
              lazy: async () => ({ Component: (await import('./pages/fleet.tsx')).FleetPage }),
            },
            {
              path: 'queue',
              lazy: async () => ({ Component: (await import('./pages/queue.tsx')).QueuePage }),
            },
            {
              path: 'workers',
              lazy: async () => ({ Component: (await import('./pages/workers.tsx')).WorkersPage }),
            },
            {
              path: 'audit',
              lazy: async () => ({ Component: (await import('./pages/audit.tsx')).AuditPage }),
            },
            { path: 'keys', lazy: async () => ({ Component: (await import('./pages/keys.tsx')).KeysPage }) },
            {
              path: 'settings',
              lazy: async () => ({ Component: (await import('./pages/settings.tsx')).SettingsPage }),
            },
            { path: '*', Component: NoSuchPage },
          ],
        },
      ],
    },
  ],
  { basename: '/admin' },
)
