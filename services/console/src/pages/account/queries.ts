import { unwrap } from '@nora/client/client'
import { queryOptions } from '@tanstack/react-query'
import { api } from '../../api.ts'

/** The person's passkeys, and how many recovery codes are left. */
export const passkeysQuery = queryOptions({
  queryKey: ['passkeys'],
  queryFn: ({ signal }) => unwrap(api.call.GET('/api/auth/passkeys', { signal })),
})

/** What is linked at sign-in providers, and whether there is a password besides. */
export const identitiesQuery = queryOptions({
  queryKey: ['identities'],
  queryFn: ({ signal }) => unwrap(api.call.GET('/api/auth/identities', { signal })),
})

/** The sign-in providers of this server. */
export const providersQuery = queryOptions({
  queryKey: ['sign-in-providers'],
  queryFn: ({ signal }) => unwrap(api.call.GET('/api/auth/oauth', { signal })),
  staleTime: 600_000,
})
