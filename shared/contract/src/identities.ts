import { Type } from 'typebox'
import { NewPassword } from './auth.ts'
import { orNull, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const

/** One way to sign in besides the password: what a page needs to draw its button. */
export const SignInProvider = Type.Object({ id: Type.String(), name: Type.String() }, strict)
export const SignInProviders = Type.Object({ items: Type.Array(SignInProvider) }, strict)

export const ProviderId = Type.Object(
  { provider: Type.String({ pattern: '^[a-z][a-z0-9-]{0,31}$' }) },
  strict,
)

/** Where the browser ends: a path of this server, never another one's. */
const returnTo = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 500,
    pattern: '^/([!-.0-\\[\\]-~][!-\\[\\]-~]*)?$',
    description: 'A path on this server, default `/`.',
  }),
)
export const StartQuery = Type.Object({ returnTo }, strict)
export const RoundTripBody = Type.Object({ returnTo }, strict)

/** Where to send the browser that made this call: the answer's cookie is half of the proof that it comes back. */
export const RoundTrip = Type.Object({ authorizationUrl: Type.String() }, strict)

export const Identity = Type.Object(
  {
    id: Uuid,
    provider: Type.String(),
    issuer: Type.String(),
    email: orNull(Type.String()),
    createdAt: Time,
    lastUsedAt: orNull(Time),
  },
  strict,
)
export const Identities = Type.Object(
  {
    items: Type.Array(Identity),
    nextCursor: Type.Null(),
    passwordSet: Type.Boolean({ description: 'Whether the account has a password as well.' }),
  },
  strict,
)

export const FirstPasswordBody = Type.Object({ newPassword: NewPassword }, strict)
