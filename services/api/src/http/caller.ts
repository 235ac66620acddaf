import type { Access, HubAccess } from '@nora/contract/permissions'
import type { CallerActor } from '@nora/db/actor'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RequestActor } from './sessions.ts'

/** Whoever calls, a person or a program with a key, for commands that serve both. */
export type Caller = Pick<RequestActor, 'userId' | 'workspaceId' | 'transport' | 'ip' | 'correlationId'> & {
  actor: CallerActor
  /** The key's id; absent: a person. `userId` is who made the key. */
  apiKeyId?: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The person of `request.actor`, or the program. Throws where nobody was looked at. */
    caller: Caller
  }
}

const programs = new WeakMap<FastifyRequest, Caller>()

export function installCaller(app: FastifyInstance): void {
  app.decorateRequest('caller', {
    getter(this: FastifyRequest) {
      return programs.get(this) ?? this.actor
    },
  })
}

/** Says that this request is a program's whose key Postgres has checked. */
export function admitProgram(request: FastifyRequest, program: Caller): void {
  programs.set(request, program)
}

export const programOf = (request: FastifyRequest): Caller | undefined => programs.get(request)

/** Whether a route is for programs alone; the key is checked by the routes' own hook (agent-hub/authenticate.ts). */
export const isForPrograms = (access: Access | undefined): access is HubAccess =>
  access === 'hub' || access?.startsWith('hub:') === true
