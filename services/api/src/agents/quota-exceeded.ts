import { DomainError } from '@nora/domain/errors'
import type { Exceeded } from '@nora/domain/quotas'

/** 422 that names the quota as the operator set it. */
export function quotaExceeded({ quota, limit, requested }: Exceeded): DomainError {
  return new DomainError(
    'quota-exceeded',
    { quota, limit, requested },
    { detail: `${quota} is ${limit}; this asks for ${requested}` },
  )
}
