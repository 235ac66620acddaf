import { ActionIcon, Menu, Text } from '@mantine/core'
import { CircleUserRound, LogOut, UserRoundCog } from 'lucide-react'
import { Link } from 'react-router'
import { useSignedIn } from '../session.tsx'
import { signOut } from './sign-out.ts'

/** Who is signed in, and the ways to their account and out. */
export function PersonMenu() {
  const { user } = useSignedIn()
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Your account">
          <CircleUserRound size={20} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)" truncate>
            {user.name || user.email}
          </Text>
          {user.name && (
            <Text size="xs" c="dimmed" truncate>
              {user.email}
            </Text>
          )}
        </Menu.Label>
        <Menu.Item component={Link} to="/account" leftSection={<UserRoundCog size={16} aria-hidden />}>
          Account and sign-in
        </Menu.Item>
        <Menu.Item onClick={() => void signOut()} leftSection={<LogOut size={16} aria-hidden />}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
