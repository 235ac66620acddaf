import { ActionIcon, Menu } from '@mantine/core'
import {
  CircleDollarSign,
  Ellipsis,
  Eye,
  Info,
  PencilLine,
  RefreshCw,
  Replace,
  Share2,
  Trash2,
} from 'lucide-react'
import { useRef } from 'react'
import { useWorkspace } from '../../session.tsx'
import type { Credential } from './calls.ts'
import type { Action } from './dialogs.tsx'
import type { Family } from './family.ts'
import { isBehind, useHolders } from './holders.tsx'

type Props = {
  family: Family
  credential: Credential
  onAction: (action: Action, credential: Credential) => void
}

/** What can be done with one credential. Only its owner changes it; others see what it is. */
export function CredentialMenu({ family, credential, onAction }: Props) {
  const { can, me } = useWorkspace()
  const behind = useHolders(credential).some((holder) => isBehind(holder, credential))
  const target = useRef<HTMLButtonElement>(null)
  const own = credential.ownerId === me.user.id && can('key:write')
  const item = (action: Action, title: string, Icon: typeof Info, color?: string) => (
    <Menu.Item
      onClick={() => {
        // Whence the dialogue takes the focus, and where it gives it back.
        target.current?.focus()
        onAction(action, credential)
      }}
      leftSection={<Icon size={16} aria-hidden />}
      {...(color !== undefined && { color })}
    >
      {title}
    </Menu.Item>
  )
  return (
    <Menu position="bottom-end" width={250}>
      <Menu.Target>
        <ActionIcon
          ref={target}
          variant="subtle"
          color="gray"
          size="lg"
          aria-label={`More about ${credential.label}`}
        >
          <Ellipsis size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {item('details', 'Details', Info)}
        {behind && can('key:sync') && item('sync', 'Give agents the new secret', RefreshCw)}
        {own && item('replace', 'Replace the secret', Replace)}
        {own && item('rename', 'Rename', PencilLine)}
        {own &&
          family.shareable &&
          (credential.sharedWithWorkspace
            ? item('unshare', 'Stop sharing', Share2)
            : item('share', 'Share with the workspace', Share2))}
        {own && credential.permission === 'read_only' && item('trade', 'Enable trading', CircleDollarSign)}
        {own && credential.permission === 'trading_enabled' && item('read', 'Back to read only', Eye)}
        {own && <Menu.Divider />}
        {own && item('delete', 'Delete', Trash2, 'var(--mantine-color-error)')}
      </Menu.Dropdown>
    </Menu>
  )
}
