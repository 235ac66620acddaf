import { Anchor, Button, Stack, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { passkeysWork, showPasskey } from '@nora/ui/lib/passkey'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { Fingerprint } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { api } from '../../api.ts'
import { Entrance } from '../../layout/entrance.tsx'
import { entered as isSignedIn } from '../../session.tsx'
import { type Entered, useEntry } from './use-entry.ts'

type Props = {
  /** Of the first half of the sign-in; after a provider's round trip it is in a cookie instead. */
  token: string | undefined
  /** The first half has to be done again: says why. */
  onOver: (error?: ApiProblem) => void
  onSignedIn?: () => void
}

/** The second half of a sign-in to an account with passkeys. */
export function SecondFactor(props: Props) {
  const [withCode, setWithCode] = useState(!passkeysWork())
  return (
    <Entrance
      title="One more step"
      description={
        withCode
          ? 'Type one of the recovery codes that you kept. Each works once.'
          : 'This account is protected by a passkey: your device will ask for its PIN, your finger or your face.'
      }
      below={
        <Anchor component="button" type="button" size="sm" onClick={() => props.onOver()}>
          Sign in as somebody else
        </Anchor>
      }
    >
      {withCode ? <ByCode {...props} /> : <ByPasskey {...props} />}
      {passkeysWork() && (
        <Anchor component="button" type="button" size="sm" onClick={() => setWithCode(!withCode)}>
          {withCode ? 'Use a passkey instead' : 'I do not have my passkey: use a recovery code'}
        </Anchor>
      )}
    </Entrance>
  )
}

function ByPasskey(props: Props) {
  return (
    <Half
      {...props}
      action="Use your passkey"
      icon={<Fingerprint size={18} aria-hidden />}
      run={async (token) => {
        const options = await unwrap(api.call.POST('/api/auth/login/passkey/options', { body: token }))
        const assertion = await showPasskey(options)
        return unwrap(api.call.POST('/api/auth/login/passkey', { body: { ...token, assertion } }))
      }}
    />
  )
}

function ByCode(props: Props) {
  return (
    <Half
      {...props}
      action="Sign in"
      run={(token, entered) =>
        unwrap(api.call.POST('/api/auth/login/recovery-code', { body: { ...token, code: entered('code') } }))
      }
    >
      <TextInput
        name="code"
        label="Recovery code"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        required
        maxLength={40}
        autoFocus
      />
    </Half>
  )
}

function Half({
  token,
  onOver,
  onSignedIn,
  action,
  icon,
  run,
  children,
}: Props & {
  action: string
  icon?: ReactNode
  run: (token: { token?: string }, entered: Entered) => Promise<{ csrfToken: string }>
  children?: ReactNode
}) {
  const { onSubmit, busy, error } = useEntry({
    send: async (entered) => {
      try {
        const { csrfToken } = await run(token === undefined ? {} : { token }, entered)
        await isSignedIn(csrfToken)
        onSignedIn?.()
      } catch (problem) {
        // The api has used the token up.
        if (problem instanceof ApiProblem && over.has(problem.code)) onOver(problem)
        else throw problem
      }
    },
  })
  return (
    <form onSubmit={onSubmit}>
      <Stack>
        {children}
        {error !== undefined && <ProblemAlert error={error} />}
        <Button type="submit" loading={busy} leftSection={icon} autoFocus={!children} fullWidth>
          {action}
        </Button>
      </Stack>
    </form>
  )
}

const over = new Set(['second-factor-invalid', 'account-disabled'])
