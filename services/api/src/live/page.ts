import { type LiveFrame, streamClose } from '@nora/contract/streams'
import type { Seen } from '@nora/db/live-streams'
import type { WebSocket } from 'ws'
import type { Watched } from './watch-pages.ts'

/** Bytes that a slow reader may have waiting; above, what changed is kept as a set of names until it reads on. */
const fullBytes = 64 * 1024
/** A frame with more agents than these says that there were many. */
const mostAgents = 100

/**
 * A socket that is told what changed. Whatever happens meanwhile, a reader that does not read costs the names of a workspace's
 * lists and of a hundred agents, no more.
 */
export function openPage<S extends Seen>(
  socket: Pick<WebSocket, 'readyState' | 'OPEN' | 'bufferedAmount' | 'send' | 'close'>,
  page: { streamId: string; places: readonly string[]; since: string | null },
  { cursorOf, more }: { cursorOf: (seen: string) => string; more?: (seen: S) => string[] },
): Watched<S> {
  const resumed = page.since !== null
  const waiting = new Set<string>()
  let greeted = false
  const send = (frame: LiveFrame<string>) => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(frame))
  }
  return {
    ...page,
    heard(seen) {
      if (!greeted) send({ type: 'hello', cursor: cursorOf(seen.seen), resumed })
      greeted = true
      for (const topic of seen.topics) waiting.add(topic)
      for (const topic of more?.(seen) ?? []) waiting.add(topic)
      nameFewAgents(waiting)
      if (waiting.size === 0 || socket.bufferedAmount > fullBytes) return
      send({ type: 'changed', cursor: cursorOf(seen.seen), topics: [...waiting] })
      waiting.clear()
    },
    gone: () => socket.close(streamClose.permission),
    unsure: () => socket.close(streamClose.tryAgain),
  }
}

function nameFewAgents(topics: Set<string>): void {
  const named = [...topics].filter((topic) => topic.startsWith('agent:'))
  if (named.length <= mostAgents && !topics.has('agent:*')) return
  for (const topic of named) topics.delete(topic)
  topics.add('agent:*')
}
