import { Alert, Button, Group, Loader, Stack, Text } from '@mantine/core'
import { Dialog } from '@nora/ui/form-dialog'
import { ProblemAlert } from '@nora/ui/problem-alert'
import { useQuery } from '@tanstack/react-query'
import { CircleCheck, CircleX, Clock } from 'lucide-react'
import { useId, useState } from 'react'
import { useWorkspace } from '../../session.tsx'
import type { AboutProps } from './dialogs.tsx'
import { tryCredential, type Verdict } from './try-credential.ts'
import { useFamily } from './use-family.ts'

/** Has a worker ask the service whether the credential works, and says what it answered. */
export function TestCredential(props: AboutProps) {
  return (
    <Dialog
      opened={props.opened}
      onClose={props.onClose}
      title={`Test “${props.credential.label}”`}
      size="md"
    >
      <Trying {...props} />
    </Dialog>
  )
}

function Trying({ family, credential, onClose }: AboutProps) {
  const { key } = useWorkspace()
  const { calls } = useFamily(family)
  const opening = useId()
  const [attempt, setAttempt] = useState(0)
  const { data, error, isFetching } = useQuery({
    // Not below the family's name: what changes there must not try it again.
    queryKey: key('credential-test', credential.id, opening, attempt),
    queryFn: ({ signal }) => tryCredential(calls, credential.id, signal),
    ...{ staleTime: Number.POSITIVE_INFINITY, gcTime: 0, retry: false },
  })
  const hosts = credential.destinationHosts.join(', ')
  return (
    <Stack>
      <div aria-live="polite">
        {isFetching && (
          <Group gap="sm" wrap="nowrap">
            <Loader size="sm" aria-hidden />
            <Text size="sm">Asking {hosts || 'the service'} whether it works…</Text>
          </Group>
        )}
        {data && <Outcome verdict={data} />}
      </div>
      {error && <ProblemAlert error={error} />}
      <Group justify="flex-end" gap="xs">
        {!isFetching && (
          <Button variant="default" onClick={() => setAttempt(attempt + 1)}>
            Test again
          </Button>
        )}
        <Button onClick={onClose}>Close</Button>
      </Group>
    </Stack>
  )
}

const looks = {
  works: { title: 'It works', color: 'teal', Icon: CircleCheck },
  refused: { title: 'It was not accepted', color: 'red', Icon: CircleX },
  failed: { title: 'It could not be tried', color: 'red', Icon: CircleX },
  late: { title: 'No answer yet', color: 'gray', Icon: Clock },
}

function Outcome({ verdict: { outcome, reason } }: { verdict: Verdict }) {
  const { title, color, Icon } = looks[outcome]
  return (
    <Alert color={color} variant="light" icon={<Icon size={18} aria-hidden />} title={title}>
      <Text size="sm" c="var(--mantine-color-text)" className="nora-wrap">
        {reason}
      </Text>
    </Alert>
  )
}
