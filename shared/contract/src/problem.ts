import { type Static, Type } from 'typebox'

/** Every code an answer can carry, with the title people read. The HTTP edge gives each its status. */
export const problemTitles = {
  'bad-request': 'The request is not valid',
  'conflicting-credentials': 'A cookie and an Authorization header were both sent; send one',
  unauthenticated: 'Sign in first',
  'invalid-credentials': 'The e-mail address or the password is wrong',
  'csrf-failed': 'The request did not prove that it comes from this site',
  forbidden: 'Your role does not allow this',
  'signup-disabled': 'Sign-up is closed on this server',
  'setup-token-required': 'This server is not claimed yet: its setup token is required',
  'agent-holds-foreign-key': 'The agent holds a key that its owner has not let you use',
  'key-not-shared': 'Share the key with the workspace before giving it to an agent of somebody else',
  'not-found': 'Not found',
  'method-not-allowed': 'This address does not take that method; see Allow',
  'agent-busy': 'The agent has an open operation',
  'agent-not-running': 'The agent is not running',
  'provider-key-in-use': 'Agents use this key',
  'idempotency-key-reused': 'This Idempotency-Key was used for another request',
  'idempotency-not-replayable': 'The first answer carried a credential and is not kept',
  'idempotency-in-progress': 'The first request with this Idempotency-Key has not finished',
  'operation-finished': 'The operation has finished already',
  'payload-too-large': 'The body is too large',
  'unsupported-media-type': 'Send application/json',
  'quota-exceeded': 'A quota is used up',
  'target-unavailable': 'This target cannot be used on this server',
  'runtime-unknown': 'There is no such runtime',
  'invalid-agent': 'The agent cannot be made as described',
  'secret-in-env': 'A value in env looks like a secret; store it as a provider key and attach it',
  'test-unavailable': 'Keys of this provider cannot be tested',
  'provider-unknown': 'There is no such provider',
  'destination-not-allowed': 'The base URL is not allowed on this server',
  'profile-unavailable': 'This sandbox profile cannot be used on this server',
  'rate-limited': 'Too many requests',
  'agent-not-routed': 'The gateway has no route to the agent yet',
  'agent-unreachable': 'The agent did not accept the connection',
  'agent-timeout': 'The agent did not answer in time',
  'capability-invalid': 'The internal capability was refused',
  unavailable: 'A part of the server is not available right now',
  internal: 'Something went wrong on this server',
} as const

export type ProblemCode = keyof typeof problemTitles

/** RFC 9457 problem document. `errors` never repeats a submitted value. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.Optional(Type.String()),
    correlationId: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  },
  { $id: 'Problem', additionalProperties: true },
)
export type Problem = Static<typeof Problem>
