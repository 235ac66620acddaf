import { useSyncExternalStore } from 'react'
import { absoluteTime, relativeTime } from './lib/words.ts'

const listeners = new Set<() => void>()
let ticking: ReturnType<typeof setInterval> | undefined
let now = Date.now()

// One clock for all times on a page.
function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  ticking ??= setInterval(() => {
    now = Date.now()
    for (const each of listeners) each()
  }, 10_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(ticking)
    ticking = undefined
  }
}

/** A moment as people say it ("3 minutes ago"), with the exact one on hover. `never` stands for an absent one. */
export function Time({ at, never = 'never' }: { at: string | null | undefined; never?: string }) {
  const current = useSyncExternalStore(subscribe, () => now)
  if (!at) return <>{never}</>
  return (
    <time dateTime={at} title={absoluteTime(at)} className="nora-whole">
      {relativeTime(at, Math.max(current, Date.now() - 10_000))}
    </time>
  )
}
