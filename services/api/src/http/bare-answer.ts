import type { Problem } from '@nora/contract/problem'
import type { FastifyReply } from 'fastify'

/** What may stand on the answer to a fault: what the edge says on every answer. What a handler had set before it failed goes. */
const edgeHeaders =
  /^(?:x-correlation-id|cache-control|vary|retry-after|ratelimit-\w+|access-control-[\w-]+|content-security-policy|cross-origin-[\w-]+|origin-agent-cluster|referrer-policy|strict-transport-security|x-(?:content-type-options|dns-prefetch-control|download-options|frame-options|permitted-cross-domain-policies|xss-protection))$/

/**
 * Sends the problem document of a fault past every hook and serializer: whichever of them failed would fail again, and Fastify's
 * own last answer repeats the error's words. Cuts the connection where an answer has begun already.
 */
export function sendBare(reply: FastifyReply, problem: Problem): FastifyReply {
  const { raw } = reply
  reply.hijack()
  if (raw.headersSent || raw.destroyed) {
    raw.destroy()
    return reply
  }
  const body = JSON.stringify(problem)
  const own = {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    'x-correlation-id': problem.correlationId,
  }
  for (const name of raw.getHeaderNames()) raw.removeHeader(name)
  const kept = Object.entries(reply.getHeaders()).filter(([name]) => edgeHeaders.test(name))
  raw.writeHead(problem.status, { ...Object.fromEntries(kept), ...own })
  raw.end(body)
  return reply
}
