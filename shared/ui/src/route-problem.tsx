import { Button, Container, Stack } from '@mantine/core'
import { Link, useRouteError } from 'react-router'
import { Page } from './page.tsx'
import { ProblemAlert } from './problem-alert.tsx'
import { EmptyState } from './query-view.tsx'

/** In place of a page that failed while it was shown, or whose files a newer version of the app has replaced. */
export function RouteProblem() {
  const error = useRouteError()
  const replaced = error instanceof TypeError && /import|module/i.test(error.message)
  return (
    <Container py="xl" size="sm">
      <Page title={replaced ? 'A newer version is there' : 'This page failed'}>
        <Stack>
          {!replaced && <ProblemAlert error={error} />}
          <Button onClick={() => window.location.reload()} w="fit-content">
            Reload
          </Button>
        </Stack>
      </Page>
    </Container>
  )
}

/** For an address that no page has. */
export function NoSuchPage() {
  return (
    <Page title="No such page">
      <EmptyState
        title="There is nothing at this address"
        action={
          <Button component={Link} to="/">
            Go to the start
          </Button>
        }
      >
        The link may be old, or mistyped.
      </EmptyState>
    </Page>
  )
}
