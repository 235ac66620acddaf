import { Link } from 'react-router'
import { useWorkspace } from '../../session.tsx'
import classes from './agent-tabs.module.css'

export type Tab = { name: string; title: string }

/** The parts of an agent's page. Each has an address of its own. */
export function AgentTabs({ agentId, tabs, current }: { agentId: string; tabs: Tab[]; current: string }) {
  const { to } = useWorkspace()
  return (
    <nav className={classes['tabs']} aria-label="Parts of this agent">
      {tabs.map(({ name, title }) => (
        <Link
          key={name}
          className={classes['tab']}
          to={to(`/agents/${agentId}${name === 'overview' ? '' : `/${name}`}`)}
          aria-current={name === current ? 'page' : undefined}
        >
          {title}
        </Link>
      ))}
    </nav>
  )
}
