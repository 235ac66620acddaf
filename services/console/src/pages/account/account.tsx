import { Tabs } from '@mantine/core'
import { Page } from '@nora/ui/page'
import { NoSuchPage } from '@nora/ui/route-problem'
import { useNavigate, useParams } from 'react-router'
import { Passkeys } from './passkeys.tsx'
import { PasswordSection } from './password.tsx'
import { Profile } from './profile.tsx'
import { Providers } from './providers.tsx'
import { Sessions } from './sessions.tsx'

const sections = [
  { id: 'profile', title: 'Profile' },
  { id: 'sign-in', title: 'Sign-in' },
  { id: 'passkeys', title: 'Passkeys' },
  { id: 'sessions', title: 'Sessions' },
] as const

/** Somebody's own account: who they are, how they sign in, and where they are signed in. */
export function AccountPage() {
  const { section = 'profile' } = useParams()
  const navigate = useNavigate()
  if (!sections.some(({ id }) => id === section)) return <NoSuchPage />
  return (
    <Page title="Account" description="Yours alone, whichever workspace you are in.">
      <Tabs
        value={section}
        onChange={(chosen) => void navigate(chosen === 'profile' ? '/account' : `/account/${chosen}`)}
        keepMounted={false}
      >
        <Tabs.List mb="lg">
          {sections.map(({ id, title }) => (
            <Tabs.Tab key={id} value={id} px="sm">
              {title}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="profile">
          <Profile />
        </Tabs.Panel>
        <Tabs.Panel value="sign-in">
          <PasswordSection />
          <Providers />
        </Tabs.Panel>
        <Tabs.Panel value="passkeys">
          <Passkeys />
        </Tabs.Panel>
        <Tabs.Panel value="sessions">
          <Sessions />
        </Tabs.Panel>
      </Tabs>
    </Page>
  )
}
