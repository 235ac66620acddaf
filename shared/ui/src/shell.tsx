import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  NavLink,
  ScrollArea,
  Text,
  Tooltip,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type LucideIcon, Moon, Sun } from 'lucide-react'
import { type ReactNode, useEffect, useLayoutEffect } from 'react'
import { Link, useLocation, useNavigationType } from 'react-router'

export type NavItem = {
  title: string
  to: string
  icon: LucideIcon /** Only this very path, not those below it. */
  end?: boolean
}

type ShellProps = {
  /** The logo and the name of the app. */
  brand: ReactNode
  /** At the right of the header: search, the person's menu. */
  header?: ReactNode
  /** Above the navigation: the workspace. */
  navTop?: ReactNode
  nav: NavItem[]
  children: ReactNode
}

/** The frame of every page behind a sign-in: header, navigation (a drawer on a phone), and the page. */
export function Shell({ brand, header, navTop, nav, children }: ShellProps) {
  const [opened, { toggle, close }] = useDisclosure()
  const { pathname } = useLocation()
  // biome-ignore lint/correctness/useExhaustiveDependencies: a way somewhere else closes the drawer
  useEffect(close, [pathname])
  const way = useNavigationType()
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page begins at its top; the browser sees to ways back
  useLayoutEffect(() => {
    if (way !== 'POP') window.scrollTo({ top: 0, behavior: 'instant' })
  }, [pathname])
  return (
    <>
      <a className="nora-skip" href="#content">
        Skip to the page
      </a>
      <AppShell
        header={{ height: 56 }}
        navbar={{ width: 240, breakpoint: 'sm', collapsed: { mobile: !opened } }}
        padding={{ base: 'md', md: 'xl' }}
      >
        <AppShell.Header px="md">
          <Group h="100%" justify="space-between" wrap="nowrap" gap="xs">
            <Group gap="sm" wrap="nowrap">
              <Burger
                opened={opened}
                onClick={toggle}
                hiddenFrom="sm"
                size="sm"
                aria-label={opened ? 'Close the navigation' : 'Open the navigation'}
                aria-expanded={opened}
              />
              {brand}
            </Group>
            <Group gap="xs" wrap="nowrap">
              {header}
              <ColorSchemeButton />
            </Group>
          </Group>
        </AppShell.Header>
        <AppShell.Navbar p="sm" aria-label="Navigation">
          {navTop && <AppShell.Section pb="sm">{navTop}</AppShell.Section>}
          <AppShell.Section grow component={ScrollArea}>
            {nav.map(({ title, to, icon: Icon, end }) => {
              const active = end ? pathname === to : pathname === to || pathname.startsWith(`${to}/`)
              return (
                <NavLink
                  key={to}
                  component={Link}
                  to={to}
                  label={<Text size="sm">{title}</Text>}
                  leftSection={<Icon size={18} aria-hidden />}
                  active={active}
                  aria-current={active ? 'page' : undefined}
                  style={{ borderRadius: 'var(--mantine-radius-md)' }}
                />
              )
            })}
          </AppShell.Section>
        </AppShell.Navbar>
        <AppShell.Main id="content" tabIndex={-1} style={{ outline: 'none' }}>
          <div style={{ maxWidth: '76rem', marginInline: 'auto' }}>{children}</div>
        </AppShell.Main>
      </AppShell>
    </>
  )
}

/** Light or dark; begins with what the system says. */
export function ColorSchemeButton() {
  const { setColorScheme } = useMantineColorScheme()
  const dark = useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark'
  const label = dark ? 'Switch to light' : 'Switch to dark'
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={label}
        onClick={() => setColorScheme(dark ? 'light' : 'dark')}
      >
        {dark ? <Sun size={18} aria-hidden /> : <Moon size={18} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  )
}
