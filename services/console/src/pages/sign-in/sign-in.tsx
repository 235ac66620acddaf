import { Button, Container, Paper, PasswordInput, Stack, TextInput, Title } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { type FormEvent, useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { api } from '../../api.ts'
import { entered } from '../../session.tsx'

/** Sign-in with a password. */
export function SignInPage() {
  const navigate = useNavigate()
  const [search] = useSearchParams()
  const [error, setError] = useState<unknown>()
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    try {
      const body = { email: String(form.get('email')), password: String(form.get('password')) }
      await unwrap(api.call.POST('/api/auth/login', { body }))
      await entered()
      await navigate(search.get('returnTo') ?? '/')
    } catch (problem) {
      setError(problem)
    }
  }
  return (
    <Container size={420} py="xl">
      <Paper withBorder p="xl">
        <form onSubmit={submit}>
          <Stack>
            <Title order={1}>Sign in</Title>
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
