import { providerNamed } from '@nora/contract/provider-catalog'
import { credentialById } from '@nora/db/credentials'
import { insertOperation, openTest, operationOfCredential } from '@nora/db/operations'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import { operationView } from '../agents/operation-view.ts'
import { ringAll } from '../agents/ring-all.ts'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'

/**
 * Asks a worker to try a key at its provider; a test that is open already is the answer. DomainError `not-found`,
 * `test-unavailable` where the provider has nothing to ask.
 */
export async function testKey(deps: Deps, request: FastifyRequest, id: string): Promise<Outcome> {
  const who = request.actor
  let rung: string | null = null
  const outcome = await idempotently(deps, request, async (tx) => {
    const key = await credentialById(tx, 'llm', id)
    if (!key) throw new DomainError('not-found')
    if (!providerNamed(key.provider)?.testPath) throw new DomainError('test-unavailable')
    let operationId = (await openTest(tx, id))?.id
    if (operationId === undefined) {
      operationId = await insertOperation(tx, {
        workspaceId: who.workspaceId,
        target: { credentialId: id },
        kind: 'test-key',
        requestedBy: who.userId,
        correlationId: who.correlationId,
      })
      await auditAction(tx, who, 'PROVIDER_KEY_TEST_REQUESTED', { kind: 'provider-key', id }, { operationId })
      rung = operationId
    }
    const operation = await operationOfCredential(tx, id, operationId)
    return {
      status: 202,
      location: `/api/llm-providers/${id}/operations/${operationId}`,
      body: operationView(operation!),
    }
  })
  await ringAll(deps, [rung])
  return outcome
}
