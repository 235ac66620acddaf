import { createApi } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { newQueryClient } from '@nora/ui/app-root'
import { onePerson } from '@nora/ui/lib/one-person'
import { heldInvitation } from './pages/workspace/invitation-token.ts'

export const queries = newQueryClient()

/** Whose this page is. */
export const page = onePerson(() => window.location.reload())

/** Empties the page of what is its person's without loading it anew: an invitation's token is in its memory alone. */
export function emptyPage(): void {
  page.forget()
  queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'me' })
}

/** The api in the name of whoever is signed in. */
export const api = createApi({
  refreshPath: '/api/auth/refresh',
  onSignedOut: () => {
    if (heldInvitation() !== undefined) emptyPage()
    // Whoever shows `me` sees that there is none, and leads to the sign-in.
    void page.nobody().then(() => queries.setQueryData(['me'], null))
  },
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
