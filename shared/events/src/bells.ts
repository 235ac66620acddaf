import type { Redis } from 'ioredis'

/** The longest that a timer takes. */
const longestMs = 2 ** 31 - 1

/**
 * Bells say "look again" and carry nothing: what is new stands in Postgres. A bell may be lost; whoever listens looks
 * by itself from time to time as well, so a lost bell costs latency and never a line.
 */
export type Bells = {
  /** Rings without waiting; never throws. Without a connection it does nothing: bells are not kept. */
  ring(channel: string): void
  /** Calls `onRing` at every ring from now on, until the function it gives is called. Resolves once it is listening. */
  listen(channel: string, onRing: () => void): Promise<() => void>
  /** Ends the listening connection; the one that was given stays the caller's. */
  close(): void
}

/** The bell of one agent's log. */
export const logBell = (prefix: string, agentId: string): string => `${prefix}:bell:logs:${agentId}`

/** The bell of what changed in a workspace, or of a person's account, for pages that are open there. */
export const changesBell = (prefix: string, id: string): string => `${prefix}:bell:changes:${id}`

/**
 * Bells over Redis pub/sub. `connection` is used to ring; a second one, made from it, listens.
 * Errors of either are told to `onError`: ioredis reconnects and subscribes again by itself.
 */
export function openBells(connection: Redis, onError: (error: unknown) => void): Bells {
  const listeners = new Map<string, Set<() => void>>()
  let subscriber: Redis | undefined
  const open = (): Redis => {
    if (subscriber) return subscriber
    // Whatever the ringing connection is set to, listening waits for Redis however long it takes.
    subscriber = connection.duplicate({
      commandTimeout: longestMs,
      maxRetriesPerRequest: null,
      enableOfflineQueue: true,
      lazyConnect: false,
      autoResubscribe: true,
    })
    subscriber.on('error', onError)
    subscriber.on('message', (channel: string) => {
      for (const onRing of listeners.get(channel) ?? []) onRing()
    })
    return subscriber
  }
  return {
    ring(channel) {
      if (connection.status !== 'ready') return
      connection.publish(channel, '').catch(onError)
    },
    async listen(channel, onRing) {
      const known = listeners.get(channel)
      const group = known ?? new Set()
      group.add(onRing)
      listeners.set(channel, group)
      if (!known) await open().subscribe(channel).catch(onError)
      return () => {
        group.delete(onRing)
        if (group.size > 0 || listeners.get(channel) !== group) return
        listeners.delete(channel)
        subscriber?.unsubscribe(channel).catch(onError)
      }
    },
    close() {
      listeners.clear()
      subscriber?.disconnect()
    },
  }
}
