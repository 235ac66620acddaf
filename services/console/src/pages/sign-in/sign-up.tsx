import { Anchor, Button } from '@mantine/core'
import { EmptyState } from '@nora/ui/query-view'
import { useQuery } from '@tanstack/react-query'
import { DoorClosed } from 'lucide-react'
import { useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import { Entrance } from '../../layout/entrance.tsx'
import { Leave } from '../../layout/leave.tsx'
import { Waiting } from '../../layout/waiting.tsx'
import { entered, useMe } from '../../session.tsx'
import { heldInvitation } from '../workspace/invitation-token.ts'
import { ProviderButtons } from './provider-buttons.tsx'
import { bootstrapQuery, signUpOptionsQuery } from './queries.ts'
import { ownPath } from './return-to.ts'
import { SecondFactor } from './second-factor.tsx'
import { SignUpForm } from './sign-up-form.tsx'

/** Makes somebody an account, where this server lets people in. */
export function SignUpPage() {
  const me = useMe()
  const bootstrap = useQuery(bootstrapQuery)
  const options = useQuery(signUpOptionsQuery)
  const [params] = useSearchParams()
  const [half, setHalf] = useState<string>()
  const returnTo = ownPath(params.get('returnTo'))
  const captcha = options.data?.captcha ?? null
  if (me.data) return <Leave to={returnTo} reload={captcha !== null} />
  if (!bootstrap.data || !options.data)
    return (
      <Waiting
        error={bootstrap.error ?? options.error}
        retry={() => void (bootstrap.error ? bootstrap : options).refetch()}
      />
    )
  if (!bootstrap.data.claimed) return <Leave to="/claim" reload />
  if (half !== undefined) return <SecondFactor token={half} onOver={() => setHalf(undefined)} />
  const signIn = `/sign-in?returnTo=${encodeURIComponent(returnTo)}`
  if (!options.data.signupEnabled)
    return (
      <Entrance title="Sign-up is closed">
        <EmptyState
          title="This server takes no new people by itself"
          icon={DoorClosed}
          action={
            <Button component={Link} to={signIn}>
              Sign in
            </Button>
          }
        >
          If you should have an account here, ask whoever runs it.
        </EmptyState>
      </Entrance>
    )
  return (
    <Entrance
      title="Create an account"
      description={
        heldInvitation() === undefined
          ? 'It comes with a workspace of your own. Others can invite you to theirs.'
          : 'To accept your invitation, use the address it was made for.'
      }
      below={
        <>
          You have an account?{' '}
          <Anchor component={Link} to={signIn} reloadDocument={captcha !== null} inherit underline="always">
            Sign in
          </Anchor>
        </>
      }
    >
      <SignUpForm captcha={captcha} action="Create account" onSignedIn={entered} onHalf={setHalf} />
      <ProviderButtons returnTo={returnTo} />
    </Entrance>
  )
}
