import { Anchor, Button } from '@mantine/core'
import { ApiProblem } from '@nora/client/problem'
import { type ProblemCode, problemTitles } from '@nora/contract/problem-titles'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { Link, useSearchParams } from 'react-router'
import { Entrance } from '../../layout/entrance.tsx'
import { Waiting } from '../../layout/waiting.tsx'
import { useMe } from '../../session.tsx'

/** Where the api leads a browser whose round trip to a sign-in provider failed. */
export function ProviderProblemPage() {
  const me = useMe()
  const [params] = useSearchParams()
  const code = params.get('code') ?? ''
  // Only our own words are shown, whatever an address says.
  const known = Object.hasOwn(problemTitles, code) ? (code as ProblemCode) : 'oauth-refused'
  const id = params.get('id') ?? ''
  const problem = new ApiProblem({
    ...{ type: `urn:nora:problem:${known}`, title: problemTitles[known], status: 403, code: known },
    correlationId: /^[\w-]{1,64}$/.test(id) ? id : '',
  })
  if (me.data === undefined) return <Waiting error={me.error} retry={() => void me.refetch()} />
  return (
    <Entrance
      title={me.data ? 'Back from the provider' : 'You are not signed in'}
      below={
        me.data && (
          <Anchor component={Link} to="/" inherit>
            To the start
          </Anchor>
        )
      }
    >
      <ProblemAlert error={problem} />
      <Button component={Link} to={me.data ? '/account/sign-in' : '/sign-in'} fullWidth>
        {me.data ? 'To your account' : 'Back to the sign-in'}
      </Button>
    </Entrance>
  )
}
