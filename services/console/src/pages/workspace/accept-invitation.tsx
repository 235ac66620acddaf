import { Alert, Button, Group, Paper, Stack, Text } from '@mantine/core'
import { unwrap } from '@nora/client/client'
import { ApiProblem } from '@nora/client/problem'
import { tellOtherTabs } from '@nora/ui/lib/other-tabs'
import { Page } from '@nora/ui/page'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { EmptyState } from '@nora/ui/query-view'
import { said } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { MailOpen } from 'lucide-react'
import { useState } from 'react'
import { Link, useLocation, useNavigate } from 'react-router'
import { api, emptyPage } from '../../api.ts'
import { useSignedIn } from '../../session.tsx'
import { forgetInvitation, heldInvitation } from './invitation-token.ts'

/** Joins whoever is signed in to the workspace that an invitation's link is of. */
export function AcceptInvitationPage() {
  // Another link opened in the same tab changes the location and nothing else.
  useLocation()
  const token = heldInvitation()
  return (
    <Page title="Invitation">
      {token === undefined ? (
        <EmptyState
          title="There is no invitation in this address"
          icon={MailOpen}
          action={
            <Button component={Link} to="/" variant="default">
              Go to the start
            </Button>
          }
        >
          Open the whole link that you were given again, now that you are signed in. A link keeps its secret
          in its last part, and this page forgets it when it is loaded anew.
        </EmptyState>
      ) : (
        <Accept key={token} token={token} />
      )}
    </Page>
  )
}

function Accept({ token }: { token: string }) {
  const { user } = useSignedIn()
  const queries = useQueryClient()
  const navigate = useNavigate()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const accept = async () => {
    setBusy(true)
    setError(undefined)
    try {
      const joined = await unwrap(api.call.POST('/api/workspaces/invitations/accept', { body: { token } }))
      forgetInvitation()
      await queries.invalidateQueries({ queryKey: ['me'] })
      said(`You are a member of ${joined.name} now.`)
      await navigate(`/w/${joined.id}/agents`, { replace: true })
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }
  const signInAsAnother = async () => {
    setBusy(true)
    try {
      await unwrap(api.call.POST('/api/auth/logout', { body: {} }))
      tellOtherTabs()
      // Without a `me` the way leads to the sign-in and back here.
      emptyPage()
      queries.setQueryData(['me'], null)
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }
  const refused = error instanceof ApiProblem && error.code === 'not-found'
  return (
    <Paper withBorder p="lg" maw="36rem">
      <Stack>
        <Text>
          You are invited to a workspace on this server. You are signed in as <b>{user.email}</b>; the
          invitation must be for this address.
        </Text>
        {refused && <Refused email={user.email} />}
        {error !== undefined && !refused && <ProblemAlert error={error} />}
        <Group gap="xs">
          <Button onClick={() => void accept()} loading={busy}>
            {refused ? 'Try again' : 'Accept invitation'}
          </Button>
          <Button variant="default" onClick={() => void signInAsAnother()} disabled={busy}>
            Sign in as somebody else
          </Button>
        </Group>
      </Stack>
    </Paper>
  )
}

/** The api answers alike whatever the reason is, so that nobody learns of an invitation that is not theirs. */
function Refused({ email }: { email: string }) {
  return (
    <Alert role="alert" variant="light" color="gray" title="This invitation does not let you in">
      It was made for another address than {email}, has ended or was taken back, or was accepted before.
      Whoever made it may also have left, or may not invite people any more. Sign in with the address it was
      made for, or ask for a new one. If you accepted it yourself, the workspace is in your list.
    </Alert>
  )
}
