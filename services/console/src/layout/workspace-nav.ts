import type { NavItem } from '@nora/ui/shell'
import { Bot, FileClock, KeyRound, Plug, Settings, Users } from 'lucide-react'
import type { InWorkspace } from '../session.tsx'

/** The pages of a workspace that the person may see. */
export const workspaceNav = ({ to, can }: InWorkspace): NavItem[] => [
  { title: 'Agents', to: to('/agents'), icon: Bot },
  { title: 'Keys and credentials', to: to('/credentials'), icon: KeyRound },
  { title: 'Members', to: to('/members'), icon: Users },
  ...(can('api-key:manage') ? [{ title: 'Agent Hub keys', to: to('/api-keys'), icon: Plug }] : []),
  ...(can('audit:read') ? [{ title: 'Audit', to: to('/audit'), icon: FileClock }] : []),
  { title: 'Settings', to: to('/settings'), icon: Settings },
]
