import { Group, Stack, Text } from '@mantine/core'
import type { Operation } from '@nora/contract/operations'
import { printable } from '@nora/ui/lib/printable'
import { absoluteTime } from '@nora/ui/lib/words'
import { Time } from '@nora/ui/time'
import {
  Check,
  CircleSlash,
  Clock3,
  KeyRound,
  type LucideIcon,
  Pencil,
  Sparkles,
  TriangleAlert,
  X,
} from 'lucide-react'
import { PrintedLines } from '../last-words.tsx'
import { outcomeWords } from '../operation-words.ts'
import classes from './activity.module.css'
import type { Event, Entry as Shown } from './timeline.ts'
import { timelineWords, tookWords } from './timeline-words.ts'

export type Names = { labelOf: (id: string) => string; personOf: (id: string) => string }

const marks: Record<Operation['status'], LucideIcon> = {
  succeeded: Check,
  failed: X,
  cancelled: CircleSlash,
  queued: Clock3,
  running: Clock3,
}

/** Something that happened to an agent: what, who asked, how it ended; what happened inside of it on demand. */
export function Entry({ entry, names }: { entry: Shown<Operation>; names: Names }) {
  if (entry.kind === 'operation') return <OperationEntry {...entry} names={names} />
  const { event } = entry
  const bad = event.type === 'program.exited' || event.type === 'keys.failed'
  const Icon = bad ? TriangleAlert : markOf(event.type)
  return (
    <li className={classes['entry']}>
      <span className={classes['mark']} data-tone={bad ? 'bad' : 'calm'} aria-hidden>
        <Icon size={14} />
      </span>
      <div className={classes['body']}>
        <EventLine event={event} names={names} />
      </div>
    </li>
  )
}

const markOf = (type: string): LucideIcon => {
  if (type.startsWith('keys.')) return KeyRound
  return type === 'agent.created' ? Sparkles : Pencil
}

function OperationEntry({
  operation,
  events,
  names,
}: {
  operation: Operation
  events: Event[]
  names: Names
}) {
  const { status, error, createdAt, startedAt, finishedAt, attempt } = operation
  const Icon = marks[status]
  const asker = operation.requestedByKey
    ? 'a program'
    : operation.requestedBy === null
      ? 'Nora'
      : names.personOf(operation.requestedBy)
  return (
    <li className={classes['entry']}>
      <span className={classes['mark']} data-tone={status === 'failed' ? 'bad' : 'calm'} aria-hidden>
        <Icon size={14} />
      </span>
      <Stack gap={4} className={classes['body']!}>
        <Group justify="space-between" gap="xs" align="baseline">
          <Text size="sm" fw={600}>
            {outcomeWords(operation)}
          </Text>
          <Text size="xs" c="dimmed">
            <Time at={createdAt} />
          </Text>
        </Group>
        <Text size="sm" c="dimmed" className="nora-wrap">
          Asked for by {asker}
          {finishedAt && startedAt && `, took ${tookWords(startedAt, finishedAt)}`}
          {attempt > 1 && `, begun ${attempt} times`}
          {status !== 'failed' && operation.reason !== '' && `: ${printable(operation.reason)}`}.
        </Text>
        {error && (
          <>
            <Text size="sm" c="var(--mantine-color-error)" className="nora-wrap">
              {printable(error.message)} ({error.code})
            </Text>
            <PrintedLines lines={(error as { lastLines?: unknown }).lastLines} />
          </>
        )}
        {events.length > 0 && (
          <details className={classes['more']}>
            <summary>What happened in it</summary>
            <ol className={classes['inner']}>
              {events.map((event) => (
                <li key={event.seq}>
                  <EventLine event={event} names={names} />
                </li>
              ))}
            </ol>
          </details>
        )}
      </Stack>
    </li>
  )
}

function EventLine({ event, names }: { event: Event; names: Names }) {
  return (
    <Stack gap={4}>
      <Group justify="space-between" gap="xs" align="baseline" wrap="nowrap">
        <Text size="sm" className="nora-wrap">
          {timelineWords(event, names.labelOf)}
        </Text>
        <Text size="xs" c="dimmed" title={absoluteTime(event.ts)} style={{ flex: 'none' }}>
          <Time at={event.ts} />
        </Text>
      </Group>
      <PrintedLines lines={event.data['lastLines']} />
    </Stack>
  )
}
