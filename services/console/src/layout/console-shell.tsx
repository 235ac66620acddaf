import { Anchor, Group, Text } from '@mantine/core'
import { type NavItem, Shell } from '@nora/ui/shell'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { LiveNotice } from '../live/live-notice.tsx'
import logo from '../nora.svg'
import { PersonMenu } from './person-menu.tsx'
import { WorkspaceSwitcher } from './workspace-switcher.tsx'

/** The console's frame; `nav` is what the present workspace has, and `workspaceId` which one it is. */
export function ConsoleShell({
  nav,
  workspaceId,
  children,
}: {
  nav: NavItem[]
  workspaceId?: string
  children: ReactNode
}) {
  const brand = (
    <Anchor component={Link} to="/" underline="never" aria-label="Nora, to the start">
      <Group gap={8} wrap="nowrap">
        <img src={logo} alt="" width={28} height={28} />
        <Text fw={650} size="lg" c="var(--mantine-color-text)">
          Nora
        </Text>
      </Group>
    </Anchor>
  )
  return (
    <Shell
      brand={brand}
      nav={nav}
      navTop={<WorkspaceSwitcher current={workspaceId} />}
      header={
        <>
          {workspaceId !== undefined && <LiveNotice workspaceId={workspaceId} />}
          <PersonMenu />
        </>
      }
    >
      {children}
    </Shell>
  )
}
