import { Center, Paper, Skeleton, Stack, Text, ThemeIcon, Title, VisuallyHidden } from '@mantine/core'
import { Inbox, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { ProblemAlert } from './problem-alert.tsx'

type QueryViewProps<T> = {
  /** A query, or an infinite one. */
  query: { data: T | undefined; error: unknown; isPending: boolean; refetch: () => unknown }
  /** Whether there is nothing to show; `empty` is shown then. */
  isEmpty?: (data: T) => boolean
  empty?: ReactNode
  /** How high the content will be, in rows, so that nothing jumps when it comes. */
  rows?: number
  children: (data: T) => ReactNode
}

/**
 * What was asked for, in the state it is in: loading, failed (with a way to try again), empty, or there. What is there already
 * stays when asking again fails, with a word above it.
 */
export function QueryView<T>({ query, isEmpty, empty, rows = 5, children }: QueryViewProps<T>) {
  const { data, error, isPending, refetch } = query
  if (data === undefined && error) return <ProblemAlert error={error} retry={() => void refetch()} />
  if (isPending || data === undefined) return <LoadingRows rows={rows} />
  return (
    <>
      {Boolean(error) && (
        <ProblemAlert error={error} title="This may be out of date" retry={() => void refetch()} />
      )}
      {isEmpty?.(data) && empty ? empty : children(data)}
    </>
  )
}

/** Grey rows in place of what is on its way. */
export function LoadingRows({ rows = 5, height = 44 }: { rows?: number; height?: number }) {
  return (
    <Stack gap="xs" aria-busy="true">
      <VisuallyHidden role="status">Loading</VisuallyHidden>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows without content are told apart by nothing else
        <Skeleton key={row} height={height} radius="md" />
      ))}
    </Stack>
  )
}

type EmptyStateProps = {
  title: string
  /** What this would be, and how one gets the first. */
  children: ReactNode
  action?: ReactNode
  icon?: LucideIcon
}

/** Nothing is here yet: says what would be, and how to begin. */
export function EmptyState({ title, children, action, icon: Icon = Inbox }: EmptyStateProps) {
  return (
    <Paper withBorder p="xl" radius="md">
      <Center>
        <Stack align="center" gap="sm" maw="30rem" ta="center">
          <ThemeIcon size={48} radius="xl" variant="light" aria-hidden>
            <Icon size={24} />
          </ThemeIcon>
          <Title order={2}>{title}</Title>
          <Text c="dimmed" size="sm" component="div">
            {children}
          </Text>
          {action}
        </Stack>
      </Center>
    </Paper>
  )
}
