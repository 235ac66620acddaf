import { createApi } from '@nora/client/client'
import { newQueryClient } from '@nora/ui/app-root'
import { onePerson } from '@nora/ui/lib/one-person'

export const queries = newQueryClient()

/** Whose this page is. */
export const page = onePerson(() => window.location.reload())

/** The Admin API in the name of the admin who is signed in here; the console's session opens nothing of it. */
export const api = createApi({
  refreshPath: '/api/admin/auth/refresh',
  onSignedOut: () => void page.nobody().then(() => queries.setQueryData(['me'], null)),
})
