import type { AllowedHost } from '@nora/config/provider-hosts'
import { credentialType } from '@nora/contract/credential-catalog'
import type { CredentialKind } from '@nora/contract/credential-types'
import { type OperationActor, withActor } from '@nora/db/actor'
import { audit } from '@nora/db/audit'
import { reportSecurityEvent } from '@nora/db/fleet'
import type { DB } from '@nora/db/schema'
import { credentialOfOperation, type SealedRow } from '@nora/db/worker-credentials'
import { DialError, type DialOptions } from '@nora/dial/public-dialer'
import { DomainError } from '@nora/domain/errors'
import type { Logger } from '@nora/log/logger'
import type { Kysely } from 'kysely'
import { type Keyring, OpenFailure, openFields } from './open-secret.ts'
import { wasSealedFor } from './sealed-hosts.ts'
import { wipeFields } from './secret-fields.ts'
import { overHttp } from './trying/ask.ts'
import { type KeyTest, type Trial, UntriableError } from './trying/call.ts'
import { exchangeForm } from './trying/exchanges.ts'
import { integrationForm } from './trying/integrations.ts'
import { refused } from './trying/judge.ts'
import { tryPostgres } from './trying/postgres.ts'
import { providerForm } from './trying/providers.ts'
import { trySmtp } from './trying/smtp.ts'

export type TestKeyDeps = {
  db: Kysely<DB>
  log: Logger
  keyring: Keyring
  allowHosts: readonly AllowedHost[]
} & Pick<DialOptions, 'resolve' | 'ca'>

const answerMs = 15_000

const forms = { llm: providerForm, integration: integrationForm, exchange: exchangeForm }

/** How a secret of this kind is tried, or undefined. */
function tryingOf(kind: CredentialKind, name: string) {
  if (kind === 'integration' && name === 'smtp') return trySmtp
  if (kind === 'integration' && name === 'postgres') return tryPostgres
  const form = forms[kind](name)
  return form && ((trial: Trial, options: DialOptions) => overHttp(form, trial, options))
}
const events: Record<CredentialKind, string> = {
  llm: 'PROVIDER_KEY_TESTED',
  integration: 'INTEGRATION_TESTED',
  exchange: 'EXCHANGE_CREDENTIAL_TESTED',
}

/**
 * Asks whoever a stored secret is for, with the cheapest call that a wrong one cannot make, whether it works. It goes to
 * a host that its own sealed row names and to no other: through the public dialer, following no redirect. Every
 * outcome is a result; a secret that does not open is reported besides.
 * @throws DomainError `not-found`; NR409 when the lease is lost.
 */
export async function testKey(
  deps: TestKeyDeps,
  actor: OperationActor,
  signal: AbortSignal,
): Promise<KeyTest> {
  const row = await withActor(deps.db, actor, async (tx, { credentialId }) =>
    credentialId === null ? undefined : credentialOfOperation(tx, credentialId),
  )
  if (!row) throw new DomainError('not-found')
  const result = await attempt(deps, actor, row, AbortSignal.any([signal, AbortSignal.timeout(answerMs)]))
  signal.throwIfAborted()
  // Admins read the audit, and whom an exchange credential is for is none of their business.
  const said = row.kind === 'exchange' ? { outcome: result.outcome } : result
  await withActor(deps.db, actor, (tx) =>
    audit(tx, {
      type: events[row.kind],
      actor: { kind: 'operation', id: actor.operationId },
      workspaceId: row.workspaceId,
      target: { kind: 'credential', id: row.id },
      details: { ...said, secretVersion: row.secretVersion },
    }),
  )
  return result
}

async function attempt(
  deps: TestKeyDeps,
  actor: OperationActor,
  row: SealedRow,
  signal: AbortSignal,
): Promise<KeyTest> {
  const base = baseOf(row)
  const tryOut = tryingOf(row.kind, row.provider)
  if (!tryOut || base === undefined)
    return refused('there is no call that would tell whether such a key works')
  if (typeof base === 'string') return refused(base)
  try {
    const fields = await openFields(deps.keyring, row)
    try {
      const { allowHosts, resolve, ca } = deps
      const options = { allowHosts, signal, ...(resolve && { resolve }), ...(ca !== undefined && { ca }) }
      return await tryOut({ base, fields, now: Date.now() }, options)
    } finally {
      wipeFields(fields)
    }
  } catch (error) {
    if (error instanceof DialError) return refused(`${base.host} could not be asked: ${error.message}`)
    if (error instanceof UntriableError) return refused(error.message)
    if (!(error instanceof OpenFailure)) throw error
    await withActor(deps.db, actor, (tx) =>
      reportSecurityEvent(tx, {
        type: 'SECRET_OPEN_FAILED',
        workspaceId: row.workspaceId,
        target: { kind: 'credential', id: row.id },
        details: { reason: error.reason, keyVersion: row.keyVersion, secretVersion: row.secretVersion },
      }),
    )
    deps.log.error({ alert: 'secret-open-failed', credentialId: row.id }, 'a stored key did not open')
    return refused(`the stored key did not open: ${error.reason}`)
  }
}

/** Where to ask, or why not; undefined: nowhere. The base URL is no part of the seal, its host is: they must agree. */
function baseOf(row: SealedRow): URL | string | undefined {
  const type = credentialType(row.kind, row.provider)
  // Without a base URL, the secret itself said where it goes, or its type does.
  const [host] = type?.addressField === undefined ? (type?.hosts ?? []) : row.destinationHosts
  const base = row.baseUrl ?? type?.defaultBaseUrl ?? (host === undefined ? null : `https://${host}`)
  if (base === null) return undefined
  if (!URL.canParse(base)) return 'the base URL cannot be read'
  const url = new URL(base)
  return wasSealedFor(row, url) ? url : `the key was stored for other hosts than ${url.host}`
}
