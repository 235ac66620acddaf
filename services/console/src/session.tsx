import type { Answered } from '@nora/client/api-types'
import { type ApiClient, unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import type { Permission } from '@nora/contract/permissions'
import { allows } from '@nora/domain/roles'
import { heedOtherTabs, tellOtherTabs } from '@nora/ui/lib/other-tabs'
import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { createContext, useContext } from 'react'
import { api, page, queries } from './api.ts'

export type Me = Answered<'/api/auth/me', 'get'>

heedOtherTabs(() => void queries.invalidateQueries({ queryKey: ['me'] }))

/** Who is signed in; null when nobody is. A page that was somebody else's is loaded anew. */
export async function fetchMe(signal?: AbortSignal): Promise<Me | null> {
  try {
    const me = await unwrap(api.call.GET('/api/auth/me', signal ? { signal } : {}))
    await page.is(me.user.id)
    api.setCsrfToken(me.csrfToken)
    return me
  } catch (error) {
    if (signal?.aborted || !(error instanceof ApiProblem) || error.status !== 401) throw error
    await page.nobody()
    return null
  }
}

/** After a sign-in of any kind: knows who it is before the next page asks. */
export async function entered(csrfToken?: string): Promise<void> {
  if (csrfToken !== undefined) api.setCsrfToken(csrfToken)
  // What was asked before may still be on its way, and would say that nobody is here.
  await queries.cancelQueries({ queryKey: ['me'] })
  // Whoever was here before may have been somebody else.
  queries.removeQueries({ type: 'inactive' })
  page.forget()
  queries.setQueryData(['me'], await fetchMe())
  tellOtherTabs()
}

export const useMe = (): UseQueryResult<Me | null> =>
  useQuery({
    ...{ queryKey: ['me'], queryFn: ({ signal }) => fetchMe(signal), staleTime: 60_000 },
    // Whoever comes back to this tab may have signed in as somebody else in another.
    refetchOnWindowFocus: 'always',
  })

export type Workspace = Me['workspaces'][number]

export type InWorkspace = {
  me: Me
  workspace: Workspace
  /** The api in the name of this workspace. */
  api: ApiClient
  /** Whether the person's role here allows it. The api decides; this only spares people buttons that would be refused. */
  can: (permission: Permission) => boolean
  /** The beginning of a cache key of something in this workspace: `key('agents')`. Live updates know things by it. */
  key: (...parts: unknown[]) => readonly unknown[]
  /** A path in this workspace: `to('/agents')`. */
  to: (path: string) => string
}

export const SignedInContext = createContext<Me | undefined>(undefined)
export const WorkspaceContext = createContext<InWorkspace | undefined>(undefined)

/** Whoever is signed in, on pages that are only shown then. */
export function useSignedIn(): Me {
  const me = useContext(SignedInContext)
  if (!me) throw new Error('this page is shown to nobody who is not signed in')
  return me
}

/** The workspace that the address names, on pages below `/w/:workspaceId`. */
export function useWorkspace(): InWorkspace {
  const here = useContext(WorkspaceContext)
  if (!here) throw new Error('this page is shown in a workspace alone')
  return here
}

export function inWorkspace(me: Me, workspace: Workspace): InWorkspace {
  return {
    me,
    workspace,
    api: api.inWorkspace(workspace.id),
    can: (permission) => allows(workspace.role, permission),
    key: (...parts) => ['w', workspace.id, ...parts],
    to: (path) => `/w/${workspace.id}${path}`,
  }
}

const lastWorkspace = 'nora.workspace'

/** The workspace to begin in: the last one somebody looked at here, else their own. */
export function startingWorkspace(me: Me): string {
  const last = window.localStorage.getItem(lastWorkspace)
  return me.workspaces.find(({ id }) => id === last)?.id ?? me.personalWorkspaceId
}

/** Only the id, which is no secret and opens nothing. */
export const rememberWorkspace = (id: string): void => window.localStorage.setItem(lastWorkspace, id)
