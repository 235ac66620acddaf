import { Page } from '@nora/ui/page'
import { NoSuchPage } from '@nora/ui/route-problem'
import { TabLinks } from '@nora/ui/tab-links'
import { useParams } from 'react-router'
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
  if (!sections.some(({ id }) => id === section)) return <NoSuchPage />
  return (
    <Page title="Account" description="Yours alone, whichever workspace you are in.">
      <TabLinks
        label="Parts of your account"
        tabs={sections.map(({ id, title }) => ({
          title,
          to: id === 'profile' ? '/account' : `/account/${id}`,
        }))}
      />
      <div>
        {section === 'profile' && <Profile />}
        {section === 'sign-in' && (
          <>
            <PasswordSection />
            <Providers />
          </>
        )}
        {section === 'passkeys' && <Passkeys />}
        {section === 'sessions' && <Sessions />}
      </div>
    </Page>
  )
}
