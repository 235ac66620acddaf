import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core'
import { CancelledProblem } from '@nora/client/problem'
import { CircleAlert, Lock, SearchX } from 'lucide-react'
import { CopyButton } from './copy-button.tsx'
import { problemWords } from './lib/problem-words.ts'

/** An error as people read it, with the id to give to whoever runs the server, and a way to try again. */
export function ProblemAlert({
  error,
  retry,
  title,
}: {
  error: unknown
  retry?: () => void
  title?: string
}) {
  if (error instanceof CancelledProblem) return null
  const { text, detail, code, correlationId } = problemWords(error)
  const Icon = code === 'forbidden' ? Lock : code === 'not-found' ? SearchX : CircleAlert
  const quiet = code === 'forbidden' || code === 'not-found'
  return (
    <Alert
      role="alert"
      variant="light"
      color={quiet ? 'gray' : 'red'}
      icon={<Icon size={18} aria-hidden />}
      title={title ?? (quiet ? (code === 'forbidden' ? 'Not allowed' : 'Not found') : 'That did not work')}
    >
      <Stack gap="xs">
        <Text size="sm" c="var(--mantine-color-text)">
          {text} {detail}
        </Text>
        {(correlationId || retry) && (
          <Group gap="sm">
            {retry && (
              <Button size="compact-sm" variant="default" onClick={retry}>
                Try again
              </Button>
            )}
            {correlationId && !quiet && (
              <Group gap={4}>
                <Text size="xs" c="dimmed">
                  {code} ·
                </Text>
                <Code className="nora-wrap">{correlationId}</Code>
                <CopyButton value={correlationId} label="Copy the correlation id" />
              </Group>
            )}
          </Group>
        )}
      </Stack>
    </Alert>
  )
}
