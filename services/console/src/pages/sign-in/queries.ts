import type { Answered } from '@nora/client/api-types'
import { unwrap } from '@nora/client/client'
import { queryOptions } from '@tanstack/react-query'
import { api } from '../../api.ts'

/** Whether somebody has claimed this server. */
export const bootstrapQuery = queryOptions({
  queryKey: ['bootstrap-status'],
  queryFn: ({ signal }) => unwrap(api.call.GET('/api/auth/bootstrap-status', { signal })),
})

/** Whether people may sign up, and which CAPTCHA they are asked for. */
export const signUpOptionsQuery = queryOptions({
  queryKey: ['signup-options'],
  queryFn: ({ signal }) => unwrap(api.call.GET('/api/auth/signup-options', { signal })),
  staleTime: 600_000,
})

export type CaptchaOptions = NonNullable<Answered<'/api/auth/signup-options', 'get'>['captcha']>
