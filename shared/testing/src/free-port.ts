import { freePort as freeBetween } from '@nora/embedded/free-port'
import { ownShare, shares } from './own-share.ts'

const [first, end] = [15_000, 30_000]
const each = (end - first) / shares

const given = new Set<number>()

/**
 * A TCP port that is free on 127.0.0.1 and stays so until the test uses it: none that a test file beside this one chooses meanwhile, none
 * that this one was given before, and none that the kernel hands out.
 */
export async function freePort(): Promise<number> {
  const from = first + ownShare() * each
  for (;;) {
    const port = await freeBetween(from, from + each)
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}
