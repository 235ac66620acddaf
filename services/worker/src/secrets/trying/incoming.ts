import type { Socket } from 'node:net'
import { DialError } from '@nora/dial/public-dialer'

/** What a reader makes of the bytes so far: something, and how many it took; undefined while there are too few. */
type Reader<T> = (received: Buffer) => { value: T; taken: number } | undefined

export const broken = (message: string) => new DialError('destination-unreachable', message)

/** What a peer says on a connection, at most `mostBytes` of it unread. */
export function incomingOf(socket: Socket, signal: AbortSignal, mostBytes = 64 * 1024) {
  let received: Buffer = Buffer.alloc(0)
  let failure: DialError | undefined
  let wake = () => {}
  const fail = (words: string) => {
    failure ??= broken(words)
    wake()
  }
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    if (received.length > mostBytes) fail('it says too much')
    wake()
  }
  const onClose = () => fail('the connection broke before it answered')
  const onAbort = () => fail('it did not answer in time')
  socket.on('data', onData)
  socket.once('close', onClose)
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()

  return {
    /** The next thing that the reader finds. What came before the connection broke still counts. @throws DialError */
    async next<T>(read: Reader<T>): Promise<T> {
      for (;;) {
        const found = received.length > mostBytes ? undefined : read(received)
        if (found) {
          received = received.subarray(found.taken)
          return found.value
        }
        if (failure) throw failure
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    /** Leaves the connection to somebody else; gives how many bytes nobody has read. */
    end: () => {
      socket.off('data', onData)
      socket.off('close', onClose)
      signal.removeEventListener('abort', onAbort)
      socket.pause()
      return received.length
    },
  }
}
