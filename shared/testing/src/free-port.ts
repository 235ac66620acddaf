import { freePort as freeBetween } from '@nora/embedded/free-port'
import { ownShare, shares } from './own-share.ts'

const [first, end] = [15_000, 30_000]
const each = (end - first) / shares

/**
 * A TCP port that is free on 127.0.0.1 and stays so until the test uses it: none that a test file beside this one chooses meanwhile, and
 * none that the kernel hands out.
 */
export const freePort = (): Promise<number> => {
  const from = first + ownShare() * each
  return freeBetween(from, from + each)
}
