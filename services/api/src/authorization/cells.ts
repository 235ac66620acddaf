import type { ProblemCode } from '@nora/contract/problem-titles'
import type { Role } from '@nora/domain/roles'
import { isProgram, type Principal, type Program, principalNames } from './principals.ts'

/**
 * What a principal gets: a status means that it is let in and answered so (101: the socket stays open); otherwise the
 * status and the code of the refusal, or the code with which a socket is closed.
 */
export type Outcome = number | `${number} ${ProblemCode}` | `closed ${number}`
export type Cells = Record<Principal, Outcome>

const unknown = '401 unauthenticated'
const refused = '403 forbidden'
const absent = '404 not-found'
const roles: readonly Role[] = ['viewer', 'editor', 'admin', 'owner']

const everybody = (outcome: Outcome) =>
  Object.fromEntries(principalNames.map((principal) => [principal, outcome])) as Cells

/** Every program, at a door that is not theirs or where none of them is let in. */
export const everyProgram = (outcome: Outcome) =>
  Object.fromEntries(principalNames.filter(isProgram).map((name) => [name, outcome])) as Record<
    Program,
    Outcome
  >

/** Whoever asks: nobody is looked at. */
export const anybody = (outcome: Outcome): Cells => everybody(outcome)

/** Any person with a live session of the console, whatever the workspace. */
export const signedIn = (outcome: Outcome): Cells => ({
  ...everybody(outcome),
  anonymous: unknown,
  disabled: unknown,
  ...everyProgram(unknown),
  adminSession: unknown,
})

/**
 * A route of the Agent Hub: a live key that has the scope. No session enters there; the session of somebody who is disabled is one
 * until somebody looks. `reads`: a viewer's programs may, too.
 */
export const programs = (outcome: Outcome, reads: boolean): Cells => ({
  ...everybody('403 api-key-required'),
  anonymous: unknown,
  adminSession: unknown,
  program: outcome,
  programWithout: '403 missing-scope',
  programElsewhere: absent,
  programOfViewer: reads ? outcome : '403 missing-scope',
  expiredProgram: '401 api-key-expired',
  revokedProgram: '401 api-key-invalid',
})

/** Who runs the server, in the admin app; no session of the console is looked at. */
export const inAdminApp = (outcome: Outcome): Cells => ({
  ...everybody(unknown),
  adminSession: outcome,
})

/** Members of the workspace from a role upwards; to everybody else what is in it does not exist. */
export const from = (least: Role, outcome: Outcome): Cells => ({
  ...signedIn(absent),
  ...Object.fromEntries(roles.map((role, rank) => [role, rank >= roles.indexOf(least) ? outcome : refused])),
})

/** The same for a route that names nothing of the workspace's: from their own, people of another are answered too. */
export const fromAtHome = (least: Role, outcome: Outcome): Cells => ({
  ...from(least, outcome),
  neighbour: outcome,
})

/** Whether a cell lets its principal in. */
export const letsIn = (outcome: Outcome): outcome is number => typeof outcome === 'number'
