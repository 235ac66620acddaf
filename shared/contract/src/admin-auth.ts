import { type Static, Type } from 'typebox'
import { Account, Email, GivenPassword } from './auth.ts'
import { orNull, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const

export const AdminLoginBody = Type.Object({ email: Email, password: GivenPassword }, strict)
export type AdminLoginBody = Static<typeof AdminLoginBody>

/** `csrfToken` goes into X-CSRF-Token. While `secondFactorDue`, the session opens nothing but what shows one. */
export const AdminSelf = Type.Object(
  {
    user: Account,
    csrfToken: Type.String(),
    secondFactorDue: Type.Boolean(),
    session: Type.Object(
      { id: Uuid, createdAt: Time, expiresAt: Time, steppedUpUntil: orNull(Time) },
      strict,
    ),
  },
  { ...strict, $id: 'AdminSelf' },
)
export type AdminSelf = Static<typeof AdminSelf>
