import { Code, Stack, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { CancelledProblem } from '@nora/client/problem'
import { problemWords } from './lib/problem-words.ts'

/** Says that something was done. */
export function said(message: string): void {
  notifications.show({ message, color: 'teal', autoClose: 4_000 })
}

/** Says something that is worth reading. Stays until it is closed. */
export function told(title: string, message: string): void {
  notifications.show({ title, message, color: 'teal', autoClose: false })
}

/** Says that something failed that has no place of its own on the page. Stays until it is closed. */
export function failed(error: unknown, title = 'That did not work'): void {
  if (error instanceof CancelledProblem) return
  const { text, detail, correlationId } = problemWords(error)
  notifications.show({
    title,
    color: 'red',
    autoClose: false,
    message: (
      <Stack gap={4}>
        <Text size="sm">
          {text} {detail}
        </Text>
        {correlationId && <Code className="nora-wrap">{correlationId}</Code>}
      </Stack>
    ),
  })
}
