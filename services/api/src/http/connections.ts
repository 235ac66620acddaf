import type { Server } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import { plainAddress, subscriberOf, type Trusts } from './client-ip.ts'

export type ConnectionLimits = { all: number; perAddress: number }

const sayEveryMs = 10_000

/**
 * Closes connections beyond so many in all, and beyond so many of one address (/64 of IPv6), before they have said a word.
 * A trusted proxy brings everybody's connections: only the number in all holds for it.
 */
export function limitConnections(
  server: Server,
  limits: ConnectionLimits,
  { trusts, log }: { trusts: Trusts; log: FastifyBaseLogger },
): void {
  const open = new Map<string, number>()
  let saidAt = Number.NEGATIVE_INFINITY
  const say = (limit: keyof ConnectionLimits) => {
    if (performance.now() - saidAt < sayEveryMs) return
    saidAt = performance.now()
    log.warn({ limit, most: limits[limit] }, 'connections are refused: too many are open')
  }

  server.maxConnections = limits.all
  server.on('drop', () => say('all'))
  server.on('connection', (socket) => {
    const peer = plainAddress(socket.remoteAddress)
    if (peer === undefined || trusts(peer)) return
    const who = subscriberOf(peer)
    const count = open.get(who) ?? 0
    if (count >= limits.perAddress) {
      say('perAddress')
      socket.destroy()
      return
    }
    open.set(who, count + 1)
    socket.once('close', () => {
      const left = (open.get(who) ?? 1) - 1
      if (left > 0) open.set(who, left)
      else open.delete(who)
    })
  })
}
