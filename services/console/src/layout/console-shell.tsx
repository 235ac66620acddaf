import { Anchor, Group, Text } from '@mantine/core'
import { LiveNotice } from '@nora/ui/live-notice'
import { type NavItem, Shell } from '@nora/ui/shell'
import { type ReactNode, useMemo } from 'react'
import { Link } from 'react-router'
import { workspaceSource } from '../live/workspace-source.ts'
import logo from '../nora.svg'
import { PersonMenu } from './person-menu.tsx'
import { SearchButton } from './search-button.tsx'
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
  const source = useMemo(
    () => (workspaceId === undefined ? undefined : workspaceSource(workspaceId)),
    [workspaceId],
  )
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
          {source && <LiveNotice source={source} />}
          <SearchButton workspaceId={workspaceId} />
          <PersonMenu />
        </>
      }
    >
      {children}
    </Shell>
  )
}
