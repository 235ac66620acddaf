import { Center, Container, Loader } from '@mantine/core'
import { ProblemAlert } from '@nora/ui/problem-alert'

/** A whole page that waits for the server, or says why it has nothing to show. */
export function Waiting({ error, retry }: { error?: unknown; retry: () => void }) {
  if (error)
    return (
      <Container size="xs" py="xl">
        <ProblemAlert error={error} retry={retry} />
      </Container>
    )
  return (
    <Center h="60vh">
      <Loader role="status" aria-label="Loading" type="dots" />
    </Center>
  )
}
