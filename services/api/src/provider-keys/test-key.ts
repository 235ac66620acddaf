import { credentialById } from '@nora/db/credentials'
import { insertOperation, openTest, operationOfCredential } from '@nora/db/operations'
import { DomainError } from '@nora/domain/errors'
import type { FastifyRequest } from 'fastify'
import { operationView } from '../agents/operation-view.ts'
import { ringAll } from '../agents/ring-all.ts'
import { auditAction } from '../agents/write-audit.ts'
import type { Deps } from '../deps.ts'
import { idempotently, type Outcome } from '../http/idempotency.ts'
import type { Family } from './family.ts'

/**
 * Asks a worker to try a key at its provider; a test that is open already is the answer. DomainError `not-found`,
 * `test-unavailable` where the provider has nothing to ask.
 */
export async function testKey(
  deps: Deps,
  request: FastifyRequest,
  family: Family,
  id: string,
): Promise<Outcome> {
  const who = request.actor
  let rung: string | null = null
  const outcome = await idempotently(deps, request, async (tx) => {
    const key = await credentialById(tx, family.kind, id)
    if (!key) throw new DomainError('not-found')
    if (!family.typeNamed(key.provider)?.tested) throw new DomainError('test-unavailable')
    let operationId = (await openTest(tx, id))?.id
    if (operationId === undefined) {
      operationId = await insertOperation(tx, {
        workspaceId: who.workspaceId,
        target: { credentialId: id },
        kind: 'test-key',
        requestedBy: who.userId,
        correlationId: who.correlationId,
      })
      const type = `${family.event}_TEST_REQUESTED`
      await auditAction(tx, who, type, { kind: family.target, id }, { operationId })
      rung = operationId
    }
    const operation = await operationOfCredential(tx, id, operationId)
    return {
      status: 202,
      location: `/api/${family.path}/${id}/operations/${operationId}`,
      body: operationView(operation!),
    }
  })
  await ringAll(deps, [rung])
  return outcome
}
