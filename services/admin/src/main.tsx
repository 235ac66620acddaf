import { showApp } from '@nora/ui/app-root'
import { RouterProvider } from 'react-router/dom'
import { queries } from './api.ts'
import { router } from './router.tsx'

showApp('admin', queries, <RouterProvider router={router} />)
