import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A TCP port free on 127.0.0.1 at this moment, from below those that the kernel hands out by itself (32768 and up), so that no
 * connection takes it before it is used. Another program may: callers try again.
 * @param from the lowest that it may be. @param below what it must be less than.
 */
export async function freePort(from = 15_000, below = 30_000): Promise<number> {
  for (let left = 100; ; left--) {
    const port = randomInt(from, below)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch (error) {
      if (left > 0) continue
      throw error
    }
    await once(server.close(), 'close')
    return port
  }
}
