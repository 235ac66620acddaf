import '@mantine/spotlight/styles.css'
import { Spotlight, spotlight } from '@mantine/spotlight'
import { useQuery } from '@tanstack/react-query'
import { Search } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { useNavigate } from 'react-router'
import { agentsQuery } from '../names.ts'
import { type InWorkspace, inWorkspace, useSignedIn } from '../session.tsx'
import { agentActions, useActions } from './palette-actions.tsx'
import type { Shortcut } from './shortcuts.ts'
import { ShortcutsHelp } from './shortcuts-help.tsx'

type Props = {
  /** What was asked for last; another object each time. */
  asked: { what: Shortcut }
  /** Whose pages and agents are found. */
  workspaceId: string | undefined
  onHelp: () => void
}

/** Pages, agents, workspaces and actions to choose from by typing a part of their names. */
export function Palette({ asked, workspaceId, onHelp }: Props) {
  const me = useSignedIn()
  const workspace = me.workspaces.find(({ id }) => id === workspaceId)
  const here = useMemo(() => workspace && inWorkspace(me, workspace), [me, workspace])
  const navigate = useNavigate()
  const [query, setQuery] = useState('')
  const [help, setHelp] = useState(false)
  const agents = useAgents(here)
  const actions = useActions({ here, help: onHelp })
  useEffect(() => {
    if (asked.what === 'help') setHelp(true)
    else spotlight.open()
  }, [asked])
  const found = here ? agentActions(here, agents, query, (to) => void navigate(to)) : []
  return (
    <>
      <Spotlight
        actions={found.length > 0 ? [...actions, { group: 'Agents', actions: found }] : actions}
        query={query}
        onQueryChange={setQuery}
        shortcut={null}
        limit={40}
        scrollable
        maxHeight="60vh"
        overlayProps={{ backgroundOpacity: 0.45 }}
        nothingFound="Nothing here is called that."
        attributes={{ content: { 'aria-label': 'Search' } }}
        searchProps={{
          leftSection: <Search size={18} aria-hidden />,
          placeholder: 'Pages, agents, workspaces, actions',
          'aria-label': 'Search pages, agents, workspaces and actions',
        }}
      />
      <ShortcutsHelp opened={help} onClose={() => setHelp(false)} />
    </>
  )
}

function useAgents(here: InWorkspace | undefined) {
  const none = {
    queryKey: ['agents', 'nowhere'],
    queryFn: async () => ({ items: [], nextCursor: null }),
    enabled: false,
  }
  const { data } = useQuery(here ? agentsQuery(here) : none)
  return data?.items ?? []
}
