import type { CredentialKind, CredentialType } from '@nora/contract/credential-types'
import type { ProblemCode } from '@nora/contract/problem-titles'
import type { CredentialRow } from '@nora/db/credentials'
import type { auditAction } from '../agents/write-audit.ts'

/** What differs between the kinds of credentials that one table, these commands and `credentialRoutes` serve. */
export type Family<View = unknown> = {
  kind: CredentialKind
  /** Its routes, under /api. */
  path: string
  /** The first words of its audit types, and what they are about. */
  event: string
  target: Parameters<typeof auditAction>[3]['kind']
  inUse: ProblemCode
  typeNamed: (name: string) => (CredentialType & { tested: boolean }) | undefined
  view: (row: CredentialRow) => View
  /** Its audit rows say that something happened and no more: admins read them, and it is none of theirs. */
  discreet: boolean
}
