import { Button } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { Page } from '@nora/ui/page'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { EmptyState, LoadingRows, QueryView } from '@nora/ui/query-view'
import { StateWithReason } from '@nora/ui/state-badge'
import { TabLinks } from '@nora/ui/tab-links'
import { useQuery } from '@tanstack/react-query'
import { lazy, type ReactNode, Suspense } from 'react'
import { Link, useParams } from 'react-router'
import { type InWorkspace, useWorkspace } from '../../session.tsx'
import type { Agent } from '../agents/agent-actions.ts'
import { ActivityTab } from './activity/activity.tsx'
import { AgentButtons } from './agent-buttons.tsx'
import { ChatTab } from './chat/chat.tsx'
import { KeysTab } from './keys/keys.tsx'
import { LogsTab } from './logs/logs.tsx'
import { NotYetApplied } from './not-yet-applied.tsx'
import { OpenOperation } from './open-operation.tsx'
import { OverviewTab } from './overview/overview.tsx'
import { SettingsTab } from './settings/settings.tsx'
import { useDeployOptions } from './use-names.ts'

// Loaded when somebody goes there: a terminal is larger than all the rest of this page.
const Terminal = lazy(async () => ({ default: (await import('./terminal/terminal.tsx')).TerminalTab }))

/** One agent: what it is, how it goes, and all that one may do with it. */
export function AgentPage() {
  const { agentId = '', tab = 'overview' } = useParams()
  const { api, key, to } = useWorkspace()
  const agent = useQuery({
    queryKey: key('agent', agentId),
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/agents/{id}', { params: { path: { id: agentId } }, signal })),
  })
  const above = [{ title: 'Agents', to: to('/agents') }]
  // A text that is no id names no agent either.
  if (agent.error instanceof ApiProblem && [400, 404].includes(agent.error.status))
    return (
      <Page title="No such agent" above={above}>
        <EmptyState
          title="There is no such agent here"
          action={
            <Button component={Link} to={to('/agents')}>
              To the agents
            </Button>
          }
        >
          It was deleted, or it belongs to another workspace.
        </EmptyState>
      </Page>
    )
  if (!agent.data)
    return (
      <Page title="Agent" above={above}>
        <QueryView query={agent}>{() => null}</QueryView>
      </Page>
    )
  const problem = agent.error && (
    <ProblemAlert error={agent.error} title="This may be out of date" retry={() => void agent.refetch()} />
  )
  return <KnownAgent key={agentId} agent={agent.data} tab={tab} problem={problem} />
}

function KnownAgent({ agent, tab, problem }: { agent: Agent; tab: string; problem: ReactNode }) {
  const here = useWorkspace()
  const options = useDeployOptions()
  const runtime = options.data?.runtimes.find(({ name }) => name === agent.runtime)
  const addressOf = (name: string) => here.to(`/agents/${agent.id}${name === 'overview' ? '' : `/${name}`}`)
  const tabs = tabsFor(here, runtime?.chat ?? false)
  return (
    <Page
      title={agent.name}
      above={[{ title: 'Agents', to: here.to('/agents') }]}
      actions={<AgentButtons agent={agent} />}
    >
      {problem}
      <StateWithReason state={agent.state} reason={agent.stateReason} lines={0} />
      <OpenOperation agent={agent} />
      <NotYetApplied agent={agent} />
      <TabLinks
        label="Parts of this agent"
        tabs={tabs.map(({ name, title }) => ({ title, to: addressOf(name) }))}
      />
      {tabs.some(({ name }) => name === tab) || options.isPending ? content(tab, agent, here) : <NotHere />}
    </Page>
  )
}

type Tab = { name: string; title: string }

/** What this person may see of this agent. */
function tabsFor({ can }: InWorkspace, chats: boolean): Tab[] {
  return [
    { name: 'overview', title: 'Overview' },
    ...(can('logs:read') ? [{ name: 'logs', title: 'Logs' }] : []),
    ...(chats && can('agent:invoke') ? [{ name: 'chat', title: 'Chat' }] : []),
    ...(can('agent:exec') ? [{ name: 'terminal', title: 'Terminal' }] : []),
    { name: 'keys', title: 'Keys' },
    { name: 'activity', title: 'Activity' },
    ...(can('agent:update') ? [{ name: 'settings', title: 'Settings' }] : []),
  ]
}

/** A part that this agent has not, or that this person may not see. */
const NotHere = () => (
  <EmptyState title="This part is not there">
    This agent has no such part, or your role in this workspace does not open it.
  </EmptyState>
)

function content(tab: string, agent: Agent, { can }: InWorkspace) {
  switch (tab) {
    case 'overview':
      return <OverviewTab agent={agent} />
    case 'logs':
      return <LogsTab agent={agent} />
    case 'chat':
      return can('agent:invoke') && <ChatTab agent={agent} />
    case 'terminal':
      return (
        <Suspense fallback={<LoadingRows rows={3} />}>
          <Terminal agent={agent} />
        </Suspense>
      )
    case 'keys':
      return <KeysTab agent={agent} />
    case 'settings':
      return can('agent:update') && <SettingsTab agent={agent} />
    case 'activity':
      return <ActivityTab agent={agent} />
    default:
      return null
  }
}
