import { createApi } from '@nora/client/client'
import { newQueryClient } from '@nora/ui/app-root'

export const queries = newQueryClient()

/** The Admin API in the name of the admin who is signed in here; the console's session opens nothing of it. */
export const api = createApi({
  refreshPath: '/api/admin/auth/refresh',
  onSignedOut: () => queries.setQueryData(['me'], null),
})
