import { Button, Group, Paper, PasswordInput, Stack } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { QueryView } from '@nora/ui/query-view'
import { said } from '@nora/ui/toasts'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../api.ts'
import { useSignedIn } from '../../session.tsx'
import { useWithStepUp } from '../../step-up.tsx'
import { NewPassword, newPasswordError } from '../sign-in/new-password.tsx'
import { useEntry } from '../sign-in/use-entry.ts'
import { identitiesQuery } from './queries.ts'
import { Section } from './section.tsx'

/** Changes the password, or sets one where an account has none. */
export function PasswordSection() {
  const identities = useQuery(identitiesQuery)
  return (
    <Section
      title="Password"
      description={
        identities.data && !identities.data.passwordSet
          ? 'You sign in at a provider and have no password. With one, you can also sign in without it.'
          : 'A change signs you out everywhere but here.'
      }
    >
      <QueryView query={identities} rows={3}>
        {({ passwordSet }) => (
          <Paper withBorder radius="md" p={{ base: 'md', sm: 'lg' }} maw="42rem">
            <PasswordForm key={String(passwordSet)} change={passwordSet} />
          </Paper>
        )}
      </QueryView>
    </Section>
  )
}

function PasswordForm({ change }: { change: boolean }) {
  const { user } = useSignedIn()
  const withStepUp = useWithStepUp()
  const queries = useQueryClient()
  const [times, setTimes] = useState(0)
  const { onSubmit, busy, error, field } = useEntry({
    codes: { 'invalid-credentials': ['currentPassword', 'That is not your password.'] },
    check: (entered) => ({
      currentPassword:
        change && entered('currentPassword') === '' ? 'Type your present password.' : undefined,
      newPassword: newPasswordError(entered('newPassword')),
    }),
    send: async (entered) => {
      const newPassword = entered('newPassword')
      const currentPassword = entered('currentPassword')
      await withStepUp(() =>
        change
          ? unwrap(api.call.PATCH('/api/auth/password', { body: { currentPassword, newPassword } }))
          : unwrap(api.call.POST('/api/auth/password', { body: { newPassword } })),
      )
      said(
        change ? 'Your password is changed, and your other sessions have ended.' : 'You have a password now.',
      )
      setTimes(times + 1)
      await Promise.all(
        [['identities'], ['sessions']].map((queryKey) => queries.invalidateQueries({ queryKey })),
      )
    },
  })
  return (
    <form onSubmit={onSubmit} noValidate>
      <Stack>
        {/* For password managers, which otherwise ask whose password it is. */}
        <input type="text" name="email" autoComplete="username" value={user.email} readOnly hidden />
        {change && (
          <PasswordInput
            {...field('currentPassword')}
            label="Present password"
            autoComplete="current-password"
            maxLength={512}
          />
        )}
        <NewPassword {...field('newPassword')} key={times} label="New password" />
        {error !== undefined && <ProblemAlert error={error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={busy}>
            {change ? 'Change password' : 'Set password'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
