import { useEffect, useRef } from 'react'
import { Link, useLocation } from 'react-router'
import classes from './tab-links.module.css'

/** Parts of one page that have addresses of their own, as tabs. */
export function TabLinks({ label, tabs }: { label: string; tabs: readonly { title: string; to: string }[] }) {
  const { pathname } = useLocation()
  const nav = useRef<HTMLElement>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: on a phone the tab that one is at may lie beyond the edge
  useEffect(() => {
    const { current: bar } = nav
    if (!bar) return
    const show = () => {
      bar.scrollLeft = 0 // as little as it needs, whatever a narrower moment needed
      bar.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    }
    // At once, and whenever the room changes: a window that is drawn narrower, a phone that is turned.
    let width = -1
    const watching = new ResizeObserver(() => {
      if (bar.clientWidth !== width) show()
      width = bar.clientWidth
    })
    watching.observe(bar)
    return () => watching.disconnect()
  }, [pathname])
  return (
    <nav ref={nav} aria-label={label} className={classes['tabs']}>
      {tabs.map(({ title, to }) => (
        <Link
          key={to}
          to={to}
          className={classes['tab']}
          aria-current={pathname.replace(/\/$/, '') === to ? 'page' : undefined}
        >
          {title}
        </Link>
      ))}
    </nav>
  )
}
