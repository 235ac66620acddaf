import { createApi } from '@nora/client/client'
import { newQueryClient } from '@nora/ui/app-root'

export const queries = newQueryClient()

/** The api in the name of whoever is signed in. */
export const api = createApi({
  refreshPath: '/api/auth/refresh',
  // Whoever shows `me` sees that there is none, and leads to the sign-in.
  onSignedOut: () => queries.setQueryData(['me'], null),
})
