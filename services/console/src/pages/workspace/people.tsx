import type { Answered, Item } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { atMost } from '@nora/domain/roles'
import type { InfiniteData } from '@tanstack/react-query'
import { type UseInfiniteQueryResult, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { type InWorkspace, useWorkspace } from '../../session.tsx'

export type WorkspaceView = Answered<'/api/workspaces/{id}', 'get'>
export type Member = Item<'/api/workspaces/{id}/members'>
export type Invitation = Item<'/api/workspaces/{id}/invitations'>
type Pages<T> = UseInfiniteQueryResult<InfiniteData<{ items: T[]; nextCursor: string | null }>>

/** What somebody is called: their name, or their address where they gave none. */
export const nameOf = ({ name, email }: { name: string; email: string }): string => name || email

/** Whether the caller may change this member's role, or remove them. */
export const mayManage = ({ can, workspace }: InWorkspace, member: Member): boolean =>
  can('member:manage') && atMost(member.role, workspace.role)

/** The members, a page at a time, the newest first. */
export function useMembers(): Pages<Member> {
  const { api, key, workspace } = useWorkspace()
  return useInfiniteQuery({
    queryKey: key('members'),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) =>
      unwrap(
        api.GET('/api/workspaces/{id}/members', {
          params: { path: { id: workspace.id }, query: { ...(cursor && { cursor }) } },
          signal,
        }),
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
}

/** The first two hundred members, to choose one of or to tell who an id is. */
export function useManyMembers() {
  const { api, key, workspace } = useWorkspace()
  return useQuery({
    queryKey: key('members', 'names'),
    queryFn: ({ signal }) => {
      const params = { path: { id: workspace.id }, query: { limit: 200 } }
      return unwrap(api.GET('/api/workspaces/{id}/members', { params, signal }))
    },
    select: ({ items }) => items,
  })
}

/** The invitations that are open, for those who may invite. */
export function useInvitations(): Pages<Invitation> {
  const { api, key, workspace } = useWorkspace()
  return useInfiniteQuery({
    queryKey: key('invitations'),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam: cursor, signal }) =>
      unwrap(
        api.GET('/api/workspaces/{id}/invitations', {
          params: { path: { id: workspace.id }, query: { ...(cursor && { cursor }) } },
          signal,
        }),
      ),
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
  })
}
