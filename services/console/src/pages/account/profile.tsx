import { Button, Group, Paper, Stack, TextInput } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { Facts } from '@nora/ui/facts'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { api } from '../../api.ts'
import { useSignedIn } from '../../session.tsx'
import { useEntry } from '../sign-in/use-entry.ts'
import { Section } from './section.tsx'

/** Who somebody is here, and what they are called. */
export function Profile() {
  const { user } = useSignedIn()
  const queries = useQueryClient()
  const { onSubmit, busy, error, field } = useEntry({
    send: async (entered) => {
      const body = { name: entered('name').trim() }
      queries.setQueryData(['me'], await unwrap(api.call.PATCH('/api/auth/me', { body })))
      await queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey.includes('members') })
      said('Your name is changed.')
    },
  })
  return (
    <Section title="Profile" description="The other members of your workspaces see your name and address.">
      <Paper withBorder radius="md" p={{ base: 'md', sm: 'lg' }} maw="42rem">
        <Stack>
          <Facts
            label="Who you are"
            facts={[
              { title: 'E-mail address', value: user.email },
              {
                title: 'On this server',
                value:
                  user.platformRole === 'admin'
                    ? 'An admin, who may use the admin app'
                    : 'A person like others',
              },
            ]}
          />
          {/* Begins anew with what the server has made of it. */}
          <form onSubmit={onSubmit} key={user.name}>
            <Stack>
              <TextInput
                {...field('name')}
                label="Name"
                description="How you want to be called. Without one, your address is shown."
                defaultValue={user.name}
                autoComplete="name"
                maxLength={100}
              />
              {error !== undefined && <ProblemAlert error={error} />}
              <Group justify="flex-end">
                <Button type="submit" loading={busy}>
                  Save name
                </Button>
              </Group>
            </Stack>
          </form>
        </Stack>
      </Paper>
    </Section>
  )
}
