import { Alert, Stack, Text } from '@mantine/core'
import { harmlessText } from '@nora/ui/lib/harmless-text'
import { printable } from '@nora/ui/lib/printable'
import { CircleAlert } from 'lucide-react'
import classes from './logs/logs.module.css'
import { outcomeWords } from './operation-words.ts'

type Failed = Parameters<typeof outcomeWords>[0] & {
  error: { code: string; message: string; lastLines?: unknown } | null
}

/** Whether there is more to say of a failure than the agent's reason, which stands above. */
export const hasLastWords = ({ status, error }: Failed): boolean =>
  status === 'failed' && Array.isArray(error?.lastLines) && error.lastLines.length > 0

/** Why an operation failed, with the last lines that the program printed. */
export function LastWords({ operation }: { operation: Failed }) {
  const { error } = operation
  return (
    <Alert
      color="red"
      variant="light"
      icon={<CircleAlert size={18} aria-hidden />}
      title={outcomeWords(operation)}
    >
      <Stack gap="xs">
        <Text size="sm" c="var(--mantine-color-text)" className="nora-wrap">
          {error ? printable(error.message) : 'It failed without a reason.'}
        </Text>
        <PrintedLines lines={error?.lastLines} />
      </Stack>
    </Alert>
  )
}

/** Lines that a program printed, wherever they come from. */
export function PrintedLines({ lines }: { lines: unknown }) {
  if (!Array.isArray(lines) || lines.length === 0) return null
  return (
    <div>
      <Text size="xs" c="dimmed">
        Its last lines:
      </Text>
      <section
        className={`${classes['panel']} ${classes['short']} ${classes['wrapped']}`}
        aria-label="Last lines of the program"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: who scrolls with the keys has to be able to come here
        tabIndex={0}
      >
        {lines.map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have a place and nothing else
          <div key={at} className={classes['row']}>
            {harmlessText(String(line))}
          </div>
        ))}
      </section>
    </div>
  )
}
