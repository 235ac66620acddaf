import type { FastifyReply } from 'fastify'

/**
 * For a handler to return: JSON that Postgres has built already, sent as it is. The route's response schema documents it, and a
 * test holds the two together; `T` is what it says.
 */
export function builtJson<T>(reply: FastifyReply, json: Buffer): T {
  reply.type('application/json; charset=utf-8')
  return json as unknown as T
}
