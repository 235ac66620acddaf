import { createApi } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { newQueryClient } from '@nora/ui/app-root'

export const queries = newQueryClient()

/** The api in the name of whoever is signed in. */
export const api = createApi({
  refreshPath: '/api/auth/refresh',
  // Whoever shows `me` sees that there is none, and leads to the sign-in.
  onSignedOut: () => queries.setQueryData(['me'], null),
})

const lookAgainMs = 3_000
let lookedAt = Number.NEGATIVE_INFINITY

// What belongs to a workspace was refused: somebody may have been removed from it, or have another role. Whoever shows
// `me` then sees it.
const refused = (error: unknown) => {
  if (!(error instanceof ApiProblem) || (error.status !== 403 && error.status !== 404)) return
  if (performance.now() - lookedAt < lookAgainMs) return
  lookedAt = performance.now()
  void queries.invalidateQueries({ queryKey: ['me'] })
}
queries.getQueryCache().subscribe((event) => {
  if (event.type === 'updated' && event.action.type === 'error' && event.query.queryKey[0] === 'w')
    refused(event.action.error)
})
queries.getMutationCache().subscribe((event) => {
  if (event.type === 'updated' && event.action.type === 'error') refused(event.action.error)
})
