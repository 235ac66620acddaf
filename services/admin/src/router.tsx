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
            { path: '*', Component: NoSuchPage },
          ],
        },
      ],
    },
  ],
  { basename: '/admin' },
)
