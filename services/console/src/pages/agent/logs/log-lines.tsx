import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { Block, type RowLook } from './log-block.tsx'
import type { LogView } from './log-buffer.ts'
import classes from './logs.module.css'

const rowHeight = 20
/** Drawn beyond what is seen, so that a quick scroll meets no emptiness. */
const margin = 800
const nearTop = 300

type LogLinesProps = {
  label: string
  view: LogView & { fast: boolean }
  look: RowLook
  wrap: boolean
  following: boolean
  onHold: () => void
  onFollow: () => void
  onOlder: () => void
  /** What stands above the first row and below the last. */
  top: ReactNode
  bottom: ReactNode
  /** A line to bring into view. */
  goTo: number | undefined
}

/**
 * The rows of a log. Follows the end until somebody scrolls up, and again from there on. Without wrapping only what is near the
 * view is drawn; with it all is, since rows have any height then.
 */
export function LogLines({ label, view, look, wrap, following, ...props }: LogLinesProps) {
  const { onHold, onFollow, onOlder, top, bottom, goTo } = props
  const panel = useRef<HTMLDivElement>(null)
  const anchor = useRef<{ id: number; at: number }>(undefined)
  const lastTop = useRef(0)
  const [seen, setSeen] = useState({ top: 0, height: 800 })
  const { blocks } = view

  useLayoutEffect(() => {
    const box = panel.current
    if (!box) return
    if (following) box.scrollTop = box.scrollHeight
    else if (anchor.current) {
      // Older rows came before what somebody reads: it stays where it is.
      const kept = box.querySelector<HTMLElement>(`[data-block="${anchor.current.id}"]`)
      if (kept && kept.offsetTop !== anchor.current.at) box.scrollTop += kept.offsetTop - anchor.current.at
    }
    const [first] = blocks
    const element = first && box.querySelector<HTMLElement>(`[data-block="${first.id}"]`)
    anchor.current = element ? { id: first.id, at: element.offsetTop } : undefined
    lastTop.current = box.scrollTop
    const next = { top: box.scrollTop, height: box.clientHeight }
    setSeen((now) => (now.top === next.top && now.height === next.height ? now : next))
  }, [blocks, following])

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each line that is asked for, when it is there
  useEffect(() => {
    const box = panel.current
    const index = goTo === undefined ? -1 : indexOf(blocks, goTo)
    if (!box || index < 0) return
    if (wrap) box.querySelector(`[data-seq="${goTo}"]`)?.scrollIntoView({ block: 'center' })
    else box.scrollTop = Math.max(0, index * rowHeight - box.clientHeight / 2)
  }, [goTo, view.oldest])

  const onScroll = () => {
    const box = panel.current
    if (!box) return
    const up = box.scrollTop < lastTop.current - 1
    lastTop.current = box.scrollTop
    const fromEnd = box.scrollHeight - box.scrollTop - box.clientHeight
    setSeen({ top: box.scrollTop, height: box.clientHeight })
    if (following && up && fromEnd > 2 * rowHeight) onHold()
    if (!following && !up && fromEnd < 2 && !view.endIsCut) onFollow()
    if (!following && up && box.scrollTop < nearTop) onOlder()
  }

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === ' ') following ? onHold() : onFollow()
    else if (event.key === 'Escape' && following) onHold()
    else if (event.key === 'End') onFollow()
    else if (event.key === 'Home') {
      onHold()
      if (panel.current) panel.current.scrollTop = 0
      onOlder()
    } else return
    event.preventDefault()
  }

  let offset = 0
  return (
    <div
      ref={panel}
      className={`${classes['panel']} ${wrap ? classes['wrapped'] : ''}`}
      role="log"
      aria-label={label}
      aria-live={following && !view.fast ? 'polite' : 'off'}
      aria-describedby="log-keys"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keys has to be able to come here
      tabIndex={0}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
    >
      <div className={classes['inner']}>
        <div className={classes['edge']}>{top}</div>
        {blocks.map((block) => {
          const height = block.rows.length * rowHeight
          const at = offset
          offset += height
          const near = at + height > seen.top - margin && at < seen.top + seen.height + margin
          return wrap || near ? (
            <Block key={block.id} block={block} look={look} />
          ) : (
            <div key={block.id} data-block={block.id} style={{ height }} />
          )
        })}
        {bottom && <div className={classes['edge']}>{bottom}</div>}
      </div>
    </div>
  )
}

function indexOf(blocks: LogView['blocks'], seq: number): number {
  let before = 0
  for (const { rows } of blocks) {
    const at = rows.findIndex((row) => row.kind !== 'note' && row.seq >= seq)
    if (at >= 0) return before + at
    before += rows.length
  }
  return -1
}
