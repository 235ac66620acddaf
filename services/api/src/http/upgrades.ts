import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { standingHeaders, tooMany } from './limits.ts'
import { endWith, rawProblem } from './raw-problem.ts'
import type { CheckForm } from './request-form.ts'

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Serves upgrades whose path begins with `prefix`, listed as `url`; the handler owns the socket from then on, its admission
     * included.
     */
    onUpgrade: (place: { prefix: string; url: string }, handler: UpgradeHandler) => void
    /** Every taken path, as the authorization matrix names it: `WS /api/ws/logs/:id`. */
    upgradeList: { method: 'WS'; url: string }[]
  }
}

/**
 * Every upgrade is held to the form and the limit that every request is held to; one to a path that nobody has taken is
 * answered 404 (a server in front would make a 502 of silence), and its connection ends. Only WebSockets come here (see
 * `serverOptions`).
 */
export function installUpgrades(app: FastifyInstance, checkForm: CheckForm): void {
  const handlers = new Map<string, UpgradeHandler>()
  app.decorate('upgradeList', [])
  app.decorate('onUpgrade', ({ prefix, url }, handler) => {
    handlers.set(prefix, handler)
    app.upgradeList.push({ method: 'WS', url })
  })
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy()) // a peer that resets must not end the process
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const found = [...handlers].find(([prefix]) => path.startsWith(prefix))
    const pass = async () => {
      const refused = await refusal(app, checkForm, request)
      if (refused !== undefined) endWith(socket, refused)
      else if (!found) endWith(socket, rawProblem('not-found'))
      else if (!socket.destroyed) found[1](request, socket, head)
    }
    pass().catch((error: unknown) => {
      app.log.error({ err: error }, 'an upgrade failed')
      socket.destroy()
    })
  })
}

/** The answer for an upgrade that is not let through; undefined for one that is. */
async function refusal(
  app: FastifyInstance,
  checkForm: CheckForm,
  request: IncomingMessage,
): Promise<string | undefined> {
  const wrong = checkForm(request)
  if (wrong) return rawProblem(wrong.code, { facts: wrong.facts })
  const standing = await app.limits.upgrade(request)
  if (!standing.exceeded) return undefined
  const { code, facts } = tooMany(standing)
  const headers = { ...standingHeaders(standing), 'retry-after': facts['retryAfterSeconds'] }
  return rawProblem(code, { facts, headers })
}
