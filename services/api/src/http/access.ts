import type { Access } from '@nora/contract/permissions'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { isForPrograms } from './caller.ts'
import { assertStrictSchema } from './strict-schema.ts'

/**
 * What a route declares in `config`.
 * - `access`: who may call it; without it the api does not boot.
 * - `workspaceParam`: the path parameter that names the workspace, where it is not the X-Nora-Workspace header.
 * - `workspaceQuery`: the query parameter that may name it instead of the header; both, and different, is an error.
 * - `idempotency`: what a POST that needs a session does with `Idempotency-Key`; without it the api does not boot.
 *   `answer`: its handler runs inside `idempotently`. `credential`: the same, and the answer is not kept.
 *   `none`: repeating it is harmless or the answer is not ours to keep; say why beside it.
 * - `oneRead`: the handler is one `readOnce`, which has Postgres check the session in the same message: see sessions.ts.
 * - `recentProof`: the caller's password was shown in this session within ten minutes, at sign-in or by a step-up; else 403
 *   `step-up-required`. For what a session that was stolen, or left open, must not do by itself.
 * - `beforeSecondFactor`: with access `platform-admin`, also for an admin who has yet to show a second factor.
 * - `rawBody`: the handler reads the body itself (a proxied request): no content type is refused.
 */
export type RouteConfig = {
  access?: Access
  workspaceParam?: string
  workspaceQuery?: string
  idempotency?: 'answer' | 'credential' | 'none'
  oneRead?: boolean
  recentProof?: boolean
  beforeSecondFactor?: boolean
  rawBody?: boolean
}

declare module 'fastify' {
  interface FastifyContextConfig extends RouteConfig {}
  interface FastifyInstance {
    /** Every route of the api in the order of its registration. */
    routeList: RouteInfo[]
  }
}

export type RouteInfo = {
  method: string
  url: string
  access: Access
  idempotency: RouteConfig['idempotency']
  schema: RouteOptions['schema']
}

const problem = { content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } }

/**
 * Deny by default: a route that says nothing about access, has no response schema, or takes a body whose fields are not
 * all named, ends the boot. Also lists the routes, for the documents and for the test that runs every route against every role.
 */
export function installAccess(app: FastifyInstance): void {
  app.decorate('routeList', [])
  app.addHook('onRoute', (route) => {
    const methods = [route.method].flat()
    const name = `${methods.join(',')} ${route.url}`
    const access = route.config?.access
    if (!access) throw new Error(`${name} declares no access`)
    if (!route.schema?.response) throw new Error(`${name} declares no response schema`)
    if (methods.includes('POST') && access !== 'public' && !route.config?.idempotency) {
      throw new Error(`${name} does not say what it does with an Idempotency-Key`)
    }
    if (route.config?.recentProof && (access === 'public' || isForPrograms(access))) {
      throw new Error(`${name} asks for a recent proof of callers who have no session`)
    }
    assertStrictSchema(name, route.schema)
    route.schema.response = {
      '4xx': problem,
      '5xx': problem,
      ...(route.schema.response as Record<string, unknown>),
    }
    for (const method of methods) {
      app.routeList.push({
        method,
        url: route.url,
        access,
        idempotency: route.config?.idempotency,
        schema: route.schema,
      })
    }
  })
}
