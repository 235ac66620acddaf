import { Anchor, Button, Collapse, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { unwrap } from '@nora/client/client'
import type { ApiProblem } from '@nora/client/problem'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, Navigate, useSearchParams } from 'react-router'
import { api } from '../../api.ts'
import { Entrance } from '../../layout/entrance.tsx'
import { Leave } from '../../layout/leave.tsx'
import { Waiting } from '../../layout/waiting.tsx'
import { entered as isSignedIn, useMe } from '../../session.tsx'
import { heldInvitation } from '../workspace/invitation-token.ts'
import { ProviderButtons } from './provider-buttons.tsx'
import { bootstrapQuery, signUpOptionsQuery } from './queries.ts'
import { ownPath } from './return-to.ts'
import { SecondFactor } from './second-factor.tsx'
import { emailError, useEntry } from './use-entry.ts'

/** Signs people in, in one step or two, and leads them on to where they were going. */
export function SignInPage() {
  const me = useMe()
  const [params] = useSearchParams()
  const returnTo = ownPath(params.get('returnTo'))
  const bootstrap = useQuery({ ...bootstrapQuery, enabled: me.data === null })
  if (me.data) return <Navigate to={returnTo} replace />
  if (me.data === undefined) return <Waiting error={me.error} retry={() => void me.refetch()} />
  if (!bootstrap.data) return <Waiting error={bootstrap.error} retry={() => void bootstrap.refetch()} />
  if (!bootstrap.data.claimed) return <Leave to="/claim" reload />
  return <Steps returnTo={returnTo} fromProvider={params.get('via') === 'provider'} />
}

type Half = { token: string | undefined }

function Steps({ returnTo, fromProvider }: { returnTo: string; fromProvider: boolean }) {
  const [half, setHalf] = useState<Half>()
  const [ended, setEnded] = useState<{ error: ApiProblem | undefined }>()
  const back = useQuery({
    queryKey: ['half-signed-in'],
    queryFn: ({ signal }) => unwrap(api.call.POST('/api/auth/login/passkey/options', { body: {}, signal })),
    enabled: fromProvider && !ended,
    retry: false,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  })
  if (fromProvider && !ended && back.isPending) return <Waiting retry={() => void back.refetch()} />
  const waiting = half ?? (back.data && !ended ? { token: undefined } : undefined)
  if (waiting)
    return (
      <SecondFactor
        token={waiting.token}
        onOver={(error) => {
          setHalf(undefined)
          setEnded({ error })
        }}
      />
    )
  return <FirstStep returnTo={returnTo} onHalf={setHalf} before={ended?.error} />
}

function FirstStep({
  returnTo,
  onHalf,
  before,
}: {
  returnTo: string
  onHalf: (half: Half) => void
  /** Why an attempt before this one came to nothing. */
  before: ApiProblem | undefined
}) {
  const { data: options } = useQuery(signUpOptionsQuery)
  const { onSubmit, busy, error, field } = useEntry({
    codes: { 'invalid-credentials': ['password'] },
    check: (entered) => ({
      email: emailError(entered('email')),
      password: entered('password') === '' ? 'Type your password.' : undefined,
    }),
    send: async (entered) => {
      const body = { email: entered('email').trim(), password: entered('password') }
      const answer = await unwrap(api.call.POST('/api/auth/login', { body }))
      if ('status' in answer) onHalf({ token: answer.token })
      else await isSignedIn(answer.csrfToken)
    },
  })
  const shown = error ?? (busy ? undefined : before)
  return (
    <Entrance
      title="Sign in"
      description={
        heldInvitation() !== undefined &&
        'To accept your invitation, sign in with the address it was made for.'
      }
      below={
        options?.signupEnabled && (
          <>
            New here?{' '}
            <Anchor
              component={Link}
              to={signUpPath(returnTo)}
              reloadDocument={options.captcha !== null}
              inherit
              underline="always"
            >
              Create an account
            </Anchor>
          </>
        )
      }
    >
      <form onSubmit={onSubmit} noValidate>
        <Stack>
          <TextInput
            {...field('email')}
            type="email"
            label="E-mail address"
            autoComplete="username"
            maxLength={254}
            autoFocus
          />
          <PasswordInput
            {...field('password')}
            label="Password"
            autoComplete="current-password"
            maxLength={512}
            visibilityToggleButtonProps={{ 'aria-label': 'Show what you typed' }}
          />
          {shown !== undefined && <ProblemAlert error={shown} title="You are not signed in" />}
          <Button type="submit" loading={busy} fullWidth>
            Sign in
          </Button>
          <Forgotten />
        </Stack>
      </form>
      <ProviderButtons returnTo={returnTo} />
    </Entrance>
  )
}

const signUpPath = (returnTo: string) =>
  returnTo === '/' ? '/sign-up' : `/sign-up?returnTo=${encodeURIComponent(returnTo)}`

function Forgotten() {
  const [opened, { toggle }] = useDisclosure()
  return (
    <div>
      <Anchor component="button" type="button" size="sm" onClick={toggle} aria-expanded={opened}>
        Forgot your password?
      </Anchor>
      <Collapse expanded={opened}>
        <Text size="sm" c="dimmed" pt="xs">
          This server sends no mail, so it cannot send you a link. If you are still signed in somewhere, or
          can sign in another way below, look at your account there. Otherwise ask whoever runs this server.
        </Text>
      </Collapse>
    </div>
  )
}
