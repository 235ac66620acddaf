import { type Static, Type } from 'typebox'
import { lineOfText, oneOf, orNull, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const

export const Email = Type.String({ format: 'email', minLength: 3, maxLength: 254 })
/** For a password that is being chosen; any characters, counted as Unicode code points. */
export const NewPassword = Type.String({ minLength: 12, maxLength: 128 })
/** For one that is being checked: its length is not the caller's to learn from. */
export const GivenPassword = Type.String({ minLength: 1, maxLength: 512 })

/** How somebody wants to be called; empty: not at all. */
export const PersonName = lineOfText(100, 0)

export const TransportName = oneOf(['cookie', 'bearer'])

/** `recaptcha` is version 2, whose widget people see; `recaptcha-v3` gives a score instead. */
export const captchaProviders = ['turnstile', 'recaptcha', 'recaptcha-v3'] as const
/** The action a token must have been made for, where the provider has actions. */
export const signUpAction = 'signup'

export const BootstrapStatus = Type.Object({ claimed: Type.Boolean() }, strict)

export const SignUpBody = Type.Object(
  {
    email: Email,
    password: NewPassword,
    name: Type.Optional(PersonName),
    setupToken: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description: 'Needed by the first account, which claims the server.',
      }),
    ),
    captchaToken: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 8192,
        description:
          'What the CAPTCHA of `GET auth/signup-options` gave; good once. Overlooked where there is none.',
      }),
    ),
  },
  strict,
)
export type SignUpBody = Static<typeof SignUpBody>

/** What a sign-up page needs to know. `captcha` is null where none is asked for. */
export const SignUpOptions = Type.Object(
  {
    signupEnabled: Type.Boolean({
      description: 'Whether people may sign up. Who claims the server always may.',
    }),
    captcha: orNull(
      Type.Object(
        {
          provider: oneOf(captchaProviders),
          siteKey: Type.String(),
          action: Type.String({ description: 'What the widget is to be given as its action.' }),
        },
        strict,
      ),
    ),
  },
  strict,
)

export const SignUpAccepted = Type.Object({ status: Type.Literal('accepted') }, strict)

export const LoginBody = Type.Object(
  { email: Email, password: GivenPassword, transport: Type.Optional(TransportName) },
  strict,
)
export type LoginBody = Static<typeof LoginBody>

export const Account = Type.Object(
  { id: Uuid, email: Type.String(), name: Type.String(), platformRole: oneOf(['user', 'admin']) },
  strict,
)
export type Account = Static<typeof Account>

/** The tokens are there for transport `bearer` alone; `expiresIn` is seconds. */
export const SignedIn = Type.Object(
  {
    user: Account,
    csrfToken: Type.String(),
    accessToken: Type.Optional(Type.String()),
    refreshToken: Type.Optional(Type.String()),
    expiresIn: Type.Optional(Type.Integer()),
  },
  strict,
)
export type SignedIn = Static<typeof SignedIn>

/** Without a token the cookie is used. */
export const RefreshBody = Type.Object(
  { refreshToken: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })) },
  strict,
)

export const WorkspaceRoleName = oneOf(['viewer', 'editor', 'admin', 'owner'])

export const Me = Type.Object(
  {
    user: Account,
    csrfToken: Type.String(),
    personalWorkspaceId: Uuid,
    workspaces: Type.Array(Type.Object({ id: Uuid, name: Type.String(), role: WorkspaceRoleName }, strict)),
    session: Type.Object({ id: Uuid, createdAt: Time, steppedUpUntil: orNull(Time) }, strict),
  },
  strict,
)
export type Me = Static<typeof Me>

export const ChangeMe = Type.Object({ name: PersonName }, strict)
export type ChangeMe = Static<typeof ChangeMe>

export const SessionItem = Type.Object(
  {
    id: Uuid,
    transport: TransportName,
    ip: orNull(Type.String()),
    userAgent: orNull(Type.String()),
    createdAt: Time,
    lastSeenAt: Time,
    current: Type.Boolean(),
  },
  strict,
)

export const RevokeSessionsQuery = Type.Object(
  { keepCurrent: Type.Optional(Type.Boolean({ description: 'Spares the session that asks.' })) },
  strict,
)

export const StepUpBody = Type.Object({ password: GivenPassword }, strict)

export const PasswordBody = Type.Object({ currentPassword: GivenPassword, newPassword: NewPassword }, strict)
export type PasswordBody = Static<typeof PasswordBody>
