import { randomUUID } from 'node:crypto'
import { providerNamed } from '@nora/contract/provider-catalog'
import type { CreateProviderKey } from '@nora/contract/provider-keys'
import { credentialById, insertCredential } from '@nora/db/credentials'
import { requireOpenWorkspace } from '@nora/db/workspaces'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'
import { destinationOf } from './destination.ts'
import { keyView } from './key-view.ts'
import { checkSecret, sealSecret } from './seal-secret.ts'

/**
 * Stores a provider key of the caller's. It is sealed before the transaction begins, for the id it will have. DomainError
 * `provider-unknown`, `destination-not-allowed`, `bad-request`.
 */
export async function createKey(
  deps: Deps,
  request: FastifyRequest,
  input: CreateProviderKey,
): Promise<Outcome> {
  const who = request.actor
  const provider = providerNamed(input.provider)
  if (!provider) throw new DomainError('provider-unknown')
  const secret = checkSecret(provider, input.secret)
  const destination = destinationOf(provider, input.baseUrl, deps.config.providerAllowHosts)
  const row = {
    id: randomUUID(),
    workspaceId: who.workspaceId,
    ownerId: who.userId,
    secretVersion: 1,
    ...destination,
  }
  const sealed = await sealSecret(deps, provider, secret, { ...row, rowId: row.id })
  return idempotently(deps, request, async (tx) => {
    await requireOpenWorkspace(tx)
    await insertCredential(tx, {
      ...row,
      ...sealed,
      kind: 'llm',
      provider: provider.provider,
      label: input.label,
      sharedWithWorkspace: input.sharedWithWorkspace ?? false,
    })
    await auditAction(
      tx,
      who,
      'PROVIDER_KEY_CREATED',
      { kind: 'provider-key', id: row.id },
      {
        provider: provider.provider,
        destinationHosts: destination.destinationHosts,
        sharedWithWorkspace: input.sharedWithWorkspace ?? false,
        ...(sealed.suite === 0 && { plaintext: true }),
      },
    )
    const stored = await credentialById(tx, 'llm', row.id)
    return { status: 201, location: `/api/llm-providers/${row.id}`, body: keyView(stored!) }
  })
}
