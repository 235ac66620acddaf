import type { ReactNode } from 'react'
import classes from './facts.module.css'

export type Fact = { title: string; value: ReactNode }

/** What is known of one thing, as pairs of a name and a value. */
export function Facts({ label, facts }: { label: string; facts: readonly Fact[] }) {
  return (
    <dl className={classes['facts']} aria-label={label}>
      {facts.map(({ title, value }) => (
        <div key={title} className={classes['fact']}>
          <dt>{title}</dt>
          <dd className="nora-wrap">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
