import { useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import type { SpotlightActionData, SpotlightActionGroupData } from '@mantine/spotlight'
import type { AgentSummary } from '@nora/contract/agents'
import {
  Bot,
  FolderOpen,
  Keyboard,
  KeyRound,
  LogOut,
  type LucideIcon,
  Moon,
  Plug,
  Plus,
  Rocket,
  Sun,
  UserRoundCog,
} from 'lucide-react'
import { useNavigate } from 'react-router'
import { type InWorkspace, useSignedIn } from '../session.tsx'
import { signOut } from './sign-out.ts'
import { workspaceNav } from './workspace-nav.ts'

const fewAgents = 5

/** Everything but agents that the person may go to or do from here. */
export function useActions({
  here,
  help,
}: {
  here: InWorkspace | undefined
  help: () => void
}): SpotlightActionGroupData[] {
  const { workspaces, personalWorkspaceId } = useSignedIn()
  const navigate = useNavigate()
  const { setColorScheme } = useMantineColorScheme()
  const dark = useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark'
  const go = (to: string, label: string, Icon: LucideIcon, rest: Partial<SpotlightActionData> = {}) =>
    action(`to:${to}`, label, Icon, () => void navigate(to), rest)
  const pages = [
    ...(here ? workspaceNav(here).map(({ title, to, icon }) => go(to, title, icon)) : []),
    ...(here
      ? [
          go(here.to('/credentials/integrations'), 'Integrations', KeyRound),
          go(here.to('/credentials/exchange-credentials'), 'Exchange credentials', KeyRound),
        ]
      : []),
    go('/account', 'Account and sign-in', UserRoundCog, { keywords: 'password passkeys sessions profile' }),
  ]
  const doing = [
    ...(here?.can('agent:create') ? [go(here.to('/agents/new'), 'Deploy an agent', Rocket)] : []),
    ...(here?.can('key:write') ? [go(here.to('/credentials?add='), 'Add a provider key', Plus)] : []),
    ...(here?.can('api-key:manage')
      ? [go(here.to('/api-keys?create='), 'Create an Agent Hub key', Plug, { keywords: 'api token program' })]
      : []),
    go('/workspaces/new', 'Create a workspace', Plus),
    action(
      'theme',
      dark ? 'Switch to light' : 'Switch to dark',
      dark ? Sun : Moon,
      () => setColorScheme(dark ? 'light' : 'dark'),
      { keywords: 'theme colours appearance' },
    ),
    action('help', 'Keyboard shortcuts', Keyboard, help),
    action('sign-out', 'Sign out', LogOut, () => void signOut(), { keywords: 'log out leave' }),
  ]
  const others = workspaces
    .filter(({ id }) => id !== here?.workspace.id)
    .map(({ id, name, role }) =>
      go(`/w/${id}/agents`, name, FolderOpen, {
        description: id === personalWorkspaceId ? 'Your own workspace' : `Workspace, ${role}`,
      }),
    )
  return [
    { group: 'Go to', actions: pages },
    { group: 'Do', actions: doing },
    ...(others.length > 0 ? [{ group: 'Workspaces', actions: others }] : []),
  ]
}

/** Agents to go to: a few before anything is typed, all afterwards. */
export const agentActions = (
  { to }: InWorkspace,
  agents: readonly AgentSummary[],
  query: string,
  go: (to: string) => void,
): SpotlightActionData[] =>
  (query.trim() === '' ? agents.slice(0, fewAgents) : agents).map(({ id, name, state }) =>
    action(`agent:${id}`, name, Bot, () => go(to(`/agents/${id}`)), { description: `Agent, ${state}` }),
  )

const action = (
  id: string,
  label: string,
  Icon: LucideIcon,
  onClick: () => void,
  rest: Partial<SpotlightActionData> = {},
): SpotlightActionData => ({ id, label, onClick, leftSection: <Icon size={18} aria-hidden />, ...rest })
