import { Button, Container, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { type FormEvent, useState } from 'react'
import { useNavigate } from 'react-router'
import { api } from '../api.ts'
import { entered } from '../session.tsx'

/** The admin app's own sign-in: the console's session does not count here. */
export function SignInPage() {
  const navigate = useNavigate()
  const [error, setError] = useState<unknown>()
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    try {
      const body = { email: String(form.get('email')), password: String(form.get('password')) }
      await unwrap(api.call.POST('/api/admin/auth/login', { body }))
      await entered()
      await navigate('/')
    } catch (problem) {
      setError(problem)
    }
  }
  return (
    <Container size={420} py="xl">
      <Paper withBorder p="xl">
        <form onSubmit={submit}>
          <Stack>
            <Title order={1}>Admin sign-in</Title>
            <Text size="sm" c="dimmed">
              For platform admins. It is a session of its own, beside that of the console, and ends sooner.
            </Text>
            <TextInput name="email" label="E-mail" type="email" autoComplete="username" required autoFocus />
            <PasswordInput name="password" label="Password" autoComplete="current-password" required />
            {error !== undefined && <ProblemAlert error={error} />}
            <Button type="submit">Sign in</Button>
          </Stack>
        </form>
      </Paper>
    </Container>
  )
}
