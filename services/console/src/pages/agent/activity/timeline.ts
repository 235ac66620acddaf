export type Operation = {
  id: string
  kind: string
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled'
  createdAt: string
}
export type Event = { seq: number; ts: string; type: string; data: Record<string, unknown> }

/** Something that happened: an operation with the events that belong to it, or an event by itself. */
export type Entry<O extends Operation> =
  | { kind: 'operation'; at: string; operation: O; events: Event[] }
  | { kind: 'event'; at: string; event: Event }

/**
 * Operations (newest first) and events (in any order) as one list by time, newest first. What lies beyond the oldest that
 * is loaded of either, while there is more of it, is left out: something that is not loaded may come in between.
 */
export function timelineOf<O extends Operation>(
  operations: { items: readonly O[]; hasMore: boolean },
  events: { items: readonly Event[]; hasMore: boolean },
): Entry<O>[] {
  const byOperation = new Map<string, Event[]>(operations.items.map(({ id }) => [id, []]))
  const alone: Event[] = []
  for (const event of [...events.items].sort((a, b) => a.seq - b.seq)) {
    const of = event.data['operationId']
    const group = typeof of === 'string' ? byOperation.get(of) : undefined
    if (group) group.push(event)
    else alone.push(event)
  }
  const oldest = (times: string[], hasMore: boolean) => (hasMore ? (times.sort()[0] ?? '') : '')
  const from = [
    oldest(
      operations.items.map(({ createdAt }) => createdAt),
      operations.hasMore,
    ),
    oldest(
      events.items.map(({ ts }) => ts),
      events.hasMore,
    ),
  ].sort()[1]!
  const entries: Entry<O>[] = [
    ...operations.items.map((operation) => {
      const events = byOperation.get(operation.id) ?? []
      const [first] = events
      // Where both are there the event's time is the truer one: it is in the order of the numbers.
      const at = first?.type === 'operation.requested' ? first.ts : operation.createdAt
      return { kind: 'operation' as const, at, operation, events }
    }),
    ...alone.map((event) => ({ kind: 'event' as const, at: event.ts, event })),
  ]
  return entries.filter(({ at }) => at >= from).sort((a, b) => later(b, a))
}

function later<O extends Operation>(a: Entry<O>, b: Entry<O>): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1
  return seqOf(a) - seqOf(b)
}

const seqOf = <O extends Operation>(entry: Entry<O>) =>
  entry.kind === 'event' ? entry.event.seq : (entry.events[0]?.seq ?? 0)
