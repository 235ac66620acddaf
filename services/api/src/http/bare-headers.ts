import { randomUUID } from 'node:crypto'

/** What every answer carries that is written past Fastify's hooks. */
export const bareHeaders = (correlationId: string = randomUUID()) => ({
  'x-correlation-id': correlationId,
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
})
