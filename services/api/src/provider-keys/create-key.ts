import { randomUUID } from 'node:crypto'
import type { Secret } from '@nora/contract/provider-keys'
import type { Tx } from '@nora/db/actor'
import { credentialById, insertCredential } from '@nora/db/credentials'
import { requireOpenWorkspace } from '@nora/db/workspaces'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'
import { destinationOf } from './destination.ts'
import type { Family } from './family.ts'
import { checkSecret, sealSecret } from './seal-secret.ts'

export type NewKey = {
  provider: string
  label: string
  secret: Secret
  baseUrl?: string
  sharedWithWorkspace?: boolean
}

/**
 * Stores a credential of the caller's. It is sealed before the transaction begins, for the id it will have; `andThen` goes
 * on in that transaction. DomainError `provider-unknown`, `destination-not-allowed`, `bad-request`.
 */
export async function createKey(
  deps: Deps,
  request: FastifyRequest,
  family: Family,
  input: NewKey,
  andThen?: (tx: Tx, id: string) => Promise<void>,
): Promise<Outcome> {
  const who = request.actor
  const { kind, event, target, path } = family
  const type = family.typeNamed(input.provider)
  if (!type) throw new DomainError('provider-unknown')
  const secret = checkSecret(type, input.secret)
  const destination = destinationOf(type, input.baseUrl, secret, deps.config.providerAllowHosts)
  const row = {
    id: randomUUID(),
    workspaceId: who.workspaceId,
    ownerId: who.userId,
    secretVersion: 1,
    kind,
    ...destination,
  }
  const sealed = await sealSecret(deps, type, secret, { ...row, rowId: row.id })
  const sharedWithWorkspace = input.sharedWithWorkspace ?? false
  return idempotently(deps, request, async (tx) => {
    await requireOpenWorkspace(tx)
    await insertCredential(tx, {
      ...row,
      ...sealed,
      provider: type.provider,
      label: input.label,
      walletAddress: secret['walletAddress'] ?? null,
      sharedWithWorkspace,
    })
    const details = {
      provider: type.provider,
      destinationHosts: destination.destinationHosts,
      sharedWithWorkspace,
    }
    await auditAction(
      tx,
      who,
      `${event}_CREATED`,
      { kind: target, id: row.id },
      { ...(!family.discreet && details), ...(sealed.suite === 0 && { plaintext: true }) },
    )
    await andThen?.(tx, row.id)
    const stored = await credentialById(tx, kind, row.id)
    return { status: 201, location: `/api/${path}/${row.id}`, body: family.view(stored!) }
  })
}
