import {
  Anchor,
  Badge,
  Button,
  Container,
  Group,
  Paper,
  PasswordInput,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import { unwrap } from '@nora/client/client'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { type FormEvent, useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { api } from '../api.ts'
import { consoleOrigin } from '../console-origin.ts'
import logo from '../nora.svg'
import { entered, useSelf } from '../session.tsx'
import { ConfirmBy } from '../step-up.tsx'

/** The admin app's own sign-in: the console's session does not count here. Ends with the second factor where one is due. */
export function SignInPage() {
  useDocumentTitle('Sign in · Nora admin')
  const self = useSelf()
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const returnTo = search.get('returnTo') ?? '/'
  const go = async () => {
    await entered()
    // Only a path of this app: `//host` and `/\host` would be another server.
    await navigate(/^\/(?![/\\])/.test(returnTo) ? returnTo : '/', { replace: true })
  }
  const console = consoleOrigin(document.querySelector<HTMLMetaElement>('meta[name=nora-console]')?.content)
  const due = self.data?.secondFactorDue === true
  return (
    <Container size={440} py="xl" component="main">
      <Stack>
        <Group gap={8}>
          <img src={logo} alt="" width={32} height={32} />
          <Text fw={650} size="xl">
            Nora
          </Text>
          <Badge variant="filled">Admin</Badge>
        </Group>
        <Paper withBorder p={{ base: 'md', sm: 'xl' }}>
          <Stack>
            <Title order={1}>{due ? 'One more step' : 'Admin sign-in'}</Title>
            {due ? (
              <ConfirmBy first="passkey" onConfirmed={() => void go()} />
            ) : (
              <PasswordForm onSignedIn={go} />
            )}
          </Stack>
        </Paper>
        {console !== undefined && (
          <Text size="sm" ta="center">
            <Anchor href={`${console}/`}>To the console</Anchor>
          </Text>
        )}
      </Stack>
    </Container>
  )
}

function PasswordForm({ onSignedIn }: { onSignedIn: () => Promise<void> }) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setError(undefined)
    try {
      const body = { email: String(form.get('email')), password: String(form.get('password')) }
      const { secondFactorDue } = await unwrap(api.call.POST('/api/admin/auth/login', { body }))
      if (secondFactorDue) await entered()
      else await onSignedIn()
    } catch (problem) {
      setError(problem)
    } finally {
      setBusy(false)
    }
  }
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm" c="dimmed">
          For platform admins. This session stands beside the console’s and ends after 30 minutes of rest.
        </Text>
        <TextInput
          name="email"
          label="E-mail address"
          type="email"
          autoComplete="username"
          required
          withAsterisk={false}
          autoFocus
        />
        <PasswordInput
          name="password"
          label="Password"
          autoComplete="current-password"
          required
          withAsterisk={false}
        />
        {error !== undefined && <ProblemAlert error={error} />}
        <Button type="submit" loading={busy}>
          Sign in
        </Button>
      </Stack>
    </form>
  )
}
