import type { Asking, Seen } from '@nora/db/live-streams'
import type { FastifyBaseLogger } from 'fastify'

/** An open page, as the loop sees it. `since` is the loop's: the snapshot that the page has been told about. */
export type Watched<S extends Seen> = {
  streamId: string
  /** What a bell rings for: its workspace, its person. */
  places: readonly string[]
  since: string | null
  heard: (seen: S) => void
  /** It may not be open any more. */
  gone: () => void
  /** It could not be asked whether it may, for longer than that is trusted. */
  unsure: () => void
}

export type Pages<S extends Seen> = {
  /** The page is asked about at once, and from then on until it is removed. */
  add: (page: Watched<S>) => void
  remove: (page: Watched<S>) => void
  /** Something may have changed there: look soon. */
  ring: (place: string) => void
  stop: () => void
}

/** How long a page that could not be asked about stays open. */
const trustMs = 60_000

/**
 * One loop for all pages that this process has open: one question to Postgres a turn, about those whose bell rang, and every `everyMs`
 * about all of them, since bells may be lost and people removed. Turns begin at least `gapMs` apart, so a burst of changes is one
 * turn's; what a page has not been told of stays in Postgres, where its snapshot finds it.
 */
export function watchPages<S extends Seen>(options: {
  read: (asking: Asking[]) => Promise<S[]>
  log: Pick<FastifyBaseLogger, 'warn'>
  everyMs: number
  gapMs: number
}): Pages<S> {
  const { read, log, everyMs, gapMs } = options
  const byPlace = new Map<string, Set<Watched<S>>>()
  const asked = new Map<Watched<S>, number>()
  const due = new Set<Watched<S>>()
  let running = false
  let begun = Number.NEGATIVE_INFINITY
  let next: NodeJS.Timeout | undefined

  const soon = () => {
    if (running || next || due.size === 0) return
    next = setTimeout(() => void turn(), Math.max(0, begun + gapMs - performance.now()))
    next.unref()
  }
  const turn = async () => {
    next = undefined
    running = true
    begun = performance.now()
    const pages = [...due]
    due.clear()
    await look(pages).catch((error: unknown) => {
      log.warn({ err: error, pages: pages.length }, 'open pages could not be told what changed')
      for (const page of pages) {
        if (performance.now() - (asked.get(page) ?? begun) > trustMs) page.unsure()
      }
    })
    running = false
    soon()
  }
  const look = async (pages: Watched<S>[]) => {
    const seen = await read(pages.map(({ streamId, since }) => ({ streamId, since })))
    const answers = new Map(seen.map((one) => [one.streamId, one]))
    for (const page of pages) {
      if (!asked.has(page)) continue // removed meanwhile
      const answer = answers.get(page.streamId)
      if (!answer) {
        page.gone()
        continue
      }
      asked.set(page, begun)
      page.since = answer.seen
      page.heard(answer)
    }
  }
  const every = setInterval(() => {
    for (const page of asked.keys()) due.add(page)
    soon()
  }, everyMs)
  every.unref()

  return {
    add(page) {
      for (const place of page.places) {
        byPlace.set(place, (byPlace.get(place) ?? new Set()).add(page))
      }
      asked.set(page, performance.now())
      due.add(page)
      soon()
    },
    remove(page) {
      asked.delete(page)
      due.delete(page)
      for (const place of page.places) {
        const group = byPlace.get(place)
        group?.delete(page)
        if (group?.size === 0) byPlace.delete(place)
      }
    },
    ring(place) {
      for (const page of byPlace.get(place) ?? []) due.add(page)
      soon()
    },
    stop() {
      clearInterval(every)
      clearTimeout(next)
      due.clear()
      asked.clear()
      byPlace.clear()
    },
  }
}
