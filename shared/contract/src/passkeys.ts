import { type Static, Type } from 'typebox'
import { lineOfText, oneOf, orNull, Time, Uuid } from './wire.ts'

const strict = { additionalProperties: false } as const
const bytes = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '^[\\w-]+$' })
const extensions = Type.Unsafe<Record<string, unknown>>({ type: 'object' })
const attachment = Type.Optional(orNull(Type.String({ maxLength: 40 })))

const Descriptor = Type.Object(
  { id: Type.String(), type: Type.Literal('public-key'), transports: Type.Array(Type.String()) },
  strict,
)

/** For `navigator.credentials.create()`: `PublicKeyCredential.parseCreationOptionsFromJSON` takes it as it is. */
export const CreationOptions = Type.Object(
  {
    challenge: Type.String(),
    rp: Type.Object({ id: Type.String(), name: Type.String() }, strict),
    user: Type.Object({ id: Type.String(), name: Type.String(), displayName: Type.String() }, strict),
    pubKeyCredParams: Type.Array(
      Type.Object({ type: Type.Literal('public-key'), alg: Type.Integer() }, strict),
    ),
    timeout: Type.Integer(),
    attestation: Type.Literal('none'),
    excludeCredentials: Type.Array(Descriptor),
    authenticatorSelection: Type.Object(
      { residentKey: Type.Literal('preferred'), userVerification: Type.Literal('required') },
      strict,
    ),
  },
  strict,
)
export type CreationOptions = Static<typeof CreationOptions>

/** For `navigator.credentials.get()`: `PublicKeyCredential.parseRequestOptionsFromJSON` takes it as it is. */
export const RequestOptions = Type.Object(
  {
    challenge: Type.String(),
    rpId: Type.String(),
    timeout: Type.Integer(),
    userVerification: Type.Literal('required'),
    allowCredentials: Type.Array(Descriptor),
  },
  strict,
)
export type RequestOptions = Static<typeof RequestOptions>

/** `PublicKeyCredential.toJSON()` of a registration. */
export const Registration = Type.Object(
  {
    id: bytes(1400),
    rawId: bytes(1400),
    type: Type.Literal('public-key'),
    response: Type.Object(
      {
        clientDataJSON: bytes(4000),
        attestationObject: bytes(16_000),
        authenticatorData: Type.Optional(bytes(8000)),
        publicKey: Type.Optional(orNull(bytes(4000))),
        publicKeyAlgorithm: Type.Optional(Type.Integer()),
        transports: Type.Optional(Type.Array(Type.String({ maxLength: 20 }), { maxItems: 10 })),
      },
      strict,
    ),
    clientExtensionResults: extensions,
    authenticatorAttachment: attachment,
  },
  strict,
)

/** `PublicKeyCredential.toJSON()` of an assertion. */
export const Assertion = Type.Object(
  {
    id: bytes(1400),
    rawId: bytes(1400),
    type: Type.Literal('public-key'),
    response: Type.Object(
      {
        clientDataJSON: bytes(4000),
        authenticatorData: bytes(4000),
        signature: bytes(2000),
        userHandle: Type.Optional(orNull(Type.String({ maxLength: 200 }))),
      },
      strict,
    ),
    clientExtensionResults: extensions,
    authenticatorAttachment: attachment,
  },
  strict,
)
export type Assertion = Static<typeof Assertion>

export const Passkey = Type.Object(
  { id: Uuid, label: Type.String(), backedUp: Type.Boolean(), createdAt: Time, lastUsedAt: orNull(Time) },
  strict,
)
export type Passkey = Static<typeof Passkey>
/** `recoveryCodes`: how many are left. */
export const Passkeys = Type.Object(
  { items: Type.Array(Passkey), nextCursor: Type.Null(), recoveryCodes: Type.Integer() },
  strict,
)
const label = lineOfText(100)
export const AddPasskey = Type.Object({ label, registration: Registration }, strict)
export const RenamePasskey = Type.Object({ label }, strict)
export const AssertionBody = Type.Object({ assertion: Assertion }, strict)

/** As it was shown: dashes and case do not matter. */
const recoveryCode = Type.String({ minLength: 1, maxLength: 40 })
export const RecoveryCodeBody = Type.Object({ code: recoveryCode }, strict)
export const RecoveryCodes = Type.Object({ codes: Type.Array(Type.String()) }, strict)

/** A sign-in whose first factor was right. `token` goes with the second one, within five minutes. */
export const SecondFactorRequired = Type.Object(
  { status: Type.Literal('second-factor-required'), token: Type.String(), expiresAt: Time },
  strict,
)

const token = Type.Optional(
  Type.String({
    minLength: 1,
    maxLength: 100,
    description: 'Of the answer to POST auth/login. After a sign-in at a provider it is in a cookie.',
  }),
)
export const SecondFactorToken = Type.Object({ token }, strict)
export const SecondFactorPasskey = Type.Object({ token, assertion: Assertion }, strict)
export const SecondFactorCode = Type.Object({ token, code: recoveryCode }, strict)

/** What asks for a passkey each time: to trade with an exchange credential, to begin a terminal in an agent. */
export const PasskeyActionName = oneOf(['exchange:trade', 'agent:exec'])
export const ActionOptionsBody = Type.Object({ action: PasskeyActionName, targetId: Uuid }, strict)
