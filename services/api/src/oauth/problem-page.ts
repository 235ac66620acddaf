import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Deps } from '../deps.ts'
import { answer, problemCodeOf } from '../http/problem.ts'
import { statusOfCode } from '../http/problem-status.ts'

/**
 * Answers what went wrong on the way to a provider or back: a browser that shows pages of ours is led to one that says what
 * it was (by its code and the correlation id, never by words), everybody else gets the problem document.
 */
export function answerWithPage({ config }: Deps) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const showsPages = config.consoleDir !== undefined && request.headers.accept?.includes('text/html')
    if (!showsPages) return answer(error, request, reply)
    const code = problemCodeOf(error)
    if (statusOfCode[code] >= 500) request.log.error({ err: error, code }, 'request failed')
    else request.log.debug({ code }, 'request refused')
    return reply.redirect(`${config.publicUrl}/sign-in/problem?code=${code}&id=${request.id}`, 302)
  }
}
