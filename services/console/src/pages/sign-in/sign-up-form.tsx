import { Alert, Anchor, Button, PasswordInput, Stack, Text, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { type ReactNode, useRef, useState } from 'react'
import { api } from '../../api.ts'
import { Captcha, type CaptchaHandle } from './captcha.tsx'
import { NewPassword, newPasswordError } from './new-password.tsx'
import type { CaptchaOptions } from './queries.ts'
import { emailError, useEntry } from './use-entry.ts'

type SignUpFormProps = {
  captcha: CaptchaOptions | null
  action: string
  /** Asks for the setup token too; what is in it to begin with. */
  setupToken?: string
  onSignedIn: (csrfToken: string) => Promise<void>
  /** The account was there before and asks for a second factor. */
  onHalf: (token: string) => void
}

/** Asks for what an account needs, makes it, and signs in to it. */
export function SignUpForm({ captcha, action, setupToken, onSignedIn, onHalf }: SignUpFormProps) {
  const [mayExist, setMayExist] = useState(false)
  const widget = useRef<CaptchaHandle>(null)
  const claims = setupToken !== undefined
  const { onSubmit, busy, error, field } = useEntry({
    codes: {
      'setup-token-required': [
        'setupToken',
        'The setup token is missing or wrong. Copy what ./setup.sh printed.',
      ],
    },
    check: (entered) => ({
      email: emailError(entered('email')),
      password: newPasswordError(entered('password')),
    }),
    send: async (entered) => {
      setMayExist(false)
      const [email, password] = [entered('email').trim(), entered('password')]
      const captchaToken = captcha ? await tokenOf(widget.current) : undefined
      const given = claims ? entered('setupToken').trim() : ''
      const body = {
        ...{ email, password, name: entered('name').trim() },
        ...(given !== '' && { setupToken: given }),
        ...(captchaToken !== undefined && { captchaToken }),
      }
      try {
        await unwrap(api.call.POST('/api/auth/signup', { body }))
      } finally {
        widget.current?.reset()
      }
      try {
        const answer = await unwrap(api.call.POST('/api/auth/login', { body: { email, password } }))
        if ('status' in answer) onHalf(answer.token)
        else await onSignedIn(answer.csrfToken)
        return
      } catch (problem) {
        if (!(problem instanceof ApiProblem) || problem.code !== 'invalid-credentials') throw problem
        setMayExist(true)
        return 'keep'
      }
    },
  })
  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack>
        <TextInput
          {...field('name')}
          label="Name"
          description="How others in your workspaces see you. You can change it later."
          autoComplete="name"
          maxLength={100}
          autoFocus
        />
        <TextInput
          {...field('email')}
          type="email"
          label="E-mail address"
          description="You sign in with it. This server sends no mail."
          autoComplete="username"
          maxLength={254}
          withAsterisk
        />
        <NewPassword {...field('password')} label="Password" />
        {claims && (
          <PasswordInput
            {...field('setupToken')}
            label="Setup token"
            description="Printed by ./setup.sh when it ended, and written in api.env (/etc/nora/api.env) as NORA_SETUP_TOKEN."
            autoComplete="off"
            defaultValue={setupToken}
            maxLength={512}
            visibilityToggleButtonProps={{ 'aria-label': 'Show the setup token' }}
          />
        )}
        {captcha && <Captcha options={captcha} handle={widget} />}
        {error !== undefined && <ProblemAlert error={error} />}
        {mayExist && <MayExist />}
        <Button type="submit" loading={busy} fullWidth>
          {action}
        </Button>
      </Stack>
    </form>
  )
}

async function tokenOf(widget: CaptchaHandle | null): Promise<string> {
  const token = await widget?.token()
  if (token === undefined)
    throw new ApiProblem({
      ...{ type: 'urn:nora:problem:captcha-missing', status: 422, correlationId: '' },
      ...{ code: 'captcha-missing', title: 'Answer the question above the button first' },
    })
  return token
}

/** The server says nothing about whether an address has an account, and neither does this. */
function MayExist(): ReactNode {
  return (
    <Alert role="alert" variant="light" color="gray" title="You are not signed in">
      <Text size="sm" c="var(--mantine-color-text)">
        There may have been an account with this address before, with another password. If it is yours,{' '}
        <Anchor href="/sign-in" inherit underline="always">
          sign in
        </Anchor>{' '}
        with that one. If you have forgotten it, ask whoever runs this server.
      </Text>
    </Alert>
  )
}
