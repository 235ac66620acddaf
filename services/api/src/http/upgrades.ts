import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

declare module 'fastify' {
  interface FastifyInstance {
    /** Serves upgrades whose path begins with `prefix`; the handler owns the socket from then on, its admission included. */
    onUpgrade: (prefix: string, handler: UpgradeHandler) => void
    /** Every taken path, as the authorization matrix names it: `WS /api/ws/logs/:id`. */
    upgradeList: { method: 'WS'; url: string }[]
  }
}

/** An upgrade to a path that nobody has taken is closed at once, without an answer. Only WebSockets come here (see `serverOptions`). */
export function installUpgrades(app: FastifyInstance): void {
  const handlers = new Map<string, UpgradeHandler>()
  app.decorate('upgradeList', [])
  app.decorate('onUpgrade', (prefix, handler) => {
    handlers.set(prefix, handler)
    app.upgradeList.push({ method: 'WS', url: `${prefix}:id` })
  })
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy()) // a peer that resets must not end the process
    const path = (request.url ?? '').split('?', 1)[0] ?? ''
    const found = [...handlers].find(([prefix]) => path.startsWith(prefix))
    if (found) found[1](request, socket, head)
    else socket.destroy()
  })
}
