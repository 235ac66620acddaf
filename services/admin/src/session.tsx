import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { heedOtherTabs, tellOtherTabs } from '@nora/ui/lib/other-tabs'
import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import { api, page, queries } from './api.ts'

export type AdminSelf = Answered<'/api/admin/auth/me', 'get'>

heedOtherTabs(() => void queries.invalidateQueries({ queryKey: ['me'] }))

/** The admin who is signed in; null when nobody is. A session that waits for its second factor says so in `secondFactorDue`. */
async function fetchSelf(signal?: AbortSignal): Promise<AdminSelf | null> {
  try {
    const self = await unwrap(api.call.GET('/api/admin/auth/me', signal ? { signal } : {}))
    await page.is(self.user.id)
    api.setCsrfToken(self.csrfToken)
    return self
  } catch (error) {
    if (signal?.aborted || !(error instanceof ApiProblem) || error.status !== 401) throw error
    await page.nobody()
    return null
  }
}

export const useSelf = (): UseQueryResult<AdminSelf | null> =>
  useQuery({
    ...{ queryKey: ['me'], queryFn: ({ signal }) => fetchSelf(signal), staleTime: 60_000 },
    // Whoever comes back to this tab may have signed in as somebody else in another.
    refetchOnWindowFocus: 'always',
  })

/** After a sign-in, or a second factor: knows who it is before the next page asks. */
export async function entered(): Promise<void> {
  // What was asked before may still be on its way, and would say that nobody is here.
  await queries.cancelQueries({ queryKey: ['me'] })
  // Whoever was here before may have been somebody else.
  queries.removeQueries({ type: 'inactive' })
  page.forget()
  queries.setQueryData(['me'], await fetchSelf())
  tellOtherTabs()
}

export const SelfContext = createContext<AdminSelf | undefined>(undefined)

/** The admin who is signed in, on pages that are only shown then. */
export function useSignedIn(): AdminSelf {
  const self = useContext(SelfContext)
  if (!self) throw new Error('this page is shown to nobody who is not signed in')
  return self
}
