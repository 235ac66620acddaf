import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { AddressPolicy } from './addresses.ts'

/** `agent` gives kept-alive connections to one container's port; `close` ends every one of them, used or idle. */
export type Pool = { agent: Agent; close(): void }

export type PoolOptions = { ip: string; port: number; allow: AddressPolicy; connectMs: number }

export const CONNECT_TIMEOUT = 'connect-timeout'

// Programs commonly close an idle connection after 2 to 5 s; one closed under us would lose a request.
const IDLE_MS = 1_500

const failure = (code: string) => Object.assign(new Error(code), { code })

/**
 * Connections to one container. They dial the address itself, no name is ever resolved, and each is checked once it
 * stands: what we are connected to is what we meant. A pool lives exactly as long as its container serves at its
 * address, so that a reused address never gets another agent's request.
 */
export function createPool({ ip, port, allow, connectMs }: PoolOptions): Pool {
  const open = new Set<Socket>()
  let closed = false
  const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 16, timeout: IDLE_MS })

  agent.createConnection = (_options, callback) => {
    const done = (error: Error | null, socket?: Socket) =>
      (callback as (error: Error | null, socket?: Socket) => void)(error, socket)
    const refused = closed ? 'the agent is gone' : allow(ip)
    if (refused) {
      process.nextTick(done, failure('address-refused'))
      return null
    }
    const socket = connect({ host: ip, port, family: 4, noDelay: true })
    open.add(socket)
    const timer = setTimeout(() => socket.destroy(failure(CONNECT_TIMEOUT)), connectMs)
    const failed = (error: Error) => done(error)
    socket.once('error', failed)
    socket.once('close', () => {
      clearTimeout(timer)
      open.delete(socket)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      if (socket.remoteAddress !== ip || socket.remotePort !== port) {
        socket.destroy(failure('address-changed'))
        return
      }
      socket.off('error', failed)
      done(null, socket)
    })
    return null
  }

  return {
    agent,
    close() {
      closed = true
      for (const socket of open) socket.destroy(failure('agent-gone'))
      agent.destroy()
    },
  }
}
