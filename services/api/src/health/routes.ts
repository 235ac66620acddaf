import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { instanceHeader } from '@nora/contract/readiness'
import { Type } from 'typebox'
import type { Deps } from '../deps.ts'
import { problemOf, sendProblem } from '../http/problem.ts'
import { readiness } from './readiness.ts'

const Ok = Type.Object({ status: Type.Literal('ok') }, { additionalProperties: false })
const Ready = Type.Object({ status: Type.Literal('ready') }, { additionalProperties: false })
const Document = Type.Object({}, { additionalProperties: true })

export const healthRoutes: FastifyPluginAsyncTypebox<{ deps: Deps }> = async (app, { deps }) => {
  const missingParts = readiness(deps)

  app.get('/healthz', { config: { access: 'public' }, schema: { response: { 200: Ok } } }, async () => ({
    status: 'ok' as const,
  }))

  app.get(
    '/readyz',
    {
      config: { access: 'public' },
      schema: {
        description:
          'Ready, or a problem document whose `missing` names what is not there. Where a supervisor started this server, ' +
          '`X-Nora-Instance` is the word by which it knows it.',
        response: { 200: Ready },
      },
    },
    async (request, reply) => {
      if (deps.config.instance !== undefined) reply.header(instanceHeader, deps.config.instance)
      const missing = await missingParts()
      if (missing.length === 0) return { status: 'ready' as const }
      return sendProblem(reply, problemOf('unavailable', request.id, { missing })) as never
    },
  )

  app.get(
    '/openapi.json',
    { config: { access: 'public' }, schema: { response: { 200: Document } } },
    async () => app.swagger() as Record<string, unknown>,
  )
}
