/** Runs functions of one key one after the other; those of other keys do not wait. */
export type InTurn = <T>(key: string, run: () => Promise<T>) => Promise<T>

/**
 * A queue for what would only wait for the same lock in Postgres anyway, each holding a connection that somebody else
 * could use. The lock stays what makes it right: other processes have queues of their own.
 */
export function createTurns(): InTurn {
  const last = new Map<string, Promise<unknown>>()
  return async (key, run) => {
    const before = last.get(key)
    const mine = (before ?? Promise.resolve()).then(run, run)
    last.set(key, mine)
    try {
      return await mine
    } finally {
      if (last.get(key) === mine) last.delete(key)
    }
  }
}
