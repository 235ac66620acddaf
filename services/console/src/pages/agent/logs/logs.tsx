import { Button, Group, Stack, Switch, Text, TextInput } from '@mantine/core'
import { useClipboard, useLocalStorage } from '@mantine/hooks'
import { counted } from '@nora/ui/lib/words'
import { failed } from '@nora/ui/toasts'
import { ArrowDownToLine, Copy, Pause, Search } from 'lucide-react'
import { type FormEvent, useMemo, useState } from 'react'
import { textOf } from './download-logs.ts'
import type { FeedStatus } from './follow-logs.ts'
import { LogDownload } from './log-download.tsx'
import { LogLines } from './log-lines.tsx'
import { LogSearch } from './log-search.tsx'
import classes from './logs.module.css'
import { useLogFeed } from './use-log-feed.ts'

const useChoice = (name: string, otherwise: boolean) =>
  useLocalStorage({ key: `nora.logs.${name}`, defaultValue: otherwise, getInitialValueInEffect: false })

/** What the agent prints: live, and back to the oldest line that is kept. */
export function LogsTab({ agent }: { agent: { id: string; name: string } }) {
  const log = useLogFeed(agent.id)
  const [wrap, setWrap] = useChoice('wrap', false)
  const [times, setTimes] = useChoice('times', true)
  const [typed, setTyped] = useState('')
  const [searched, setSearched] = useState<string>()
  const [goTo, setGoTo] = useState<number>()
  const clipboard = useClipboard({ timeout: 1_500 })
  const { shown, following, status } = log
  const query = typed.trim()
  const look = useMemo(() => ({ times, query, here: goTo }), [times, query, goTo])
  const search = (event: FormEvent) => {
    event.preventDefault()
    setSearched(query === '' ? undefined : query)
  }
  const copy = () => {
    clipboard.copy(textOf(log.feed.buffer.rows(), times))
    if (!window.isSecureContext) failed(undefined, 'This browser copies on https pages alone')
  }
  const see = (seq: number) => {
    setGoTo(seq)
    void log.showAround(seq).then(() => setSearched(undefined))
  }
  return (
    <Stack gap="sm" className={classes['tools']!}>
      <Group justify="space-between" gap="sm">
        <search className={classes['search']}>
          <form onSubmit={search}>
            <Group gap={6} wrap="nowrap">
              <TextInput
                size="xs"
                flex={1}
                aria-label="Search the log"
                placeholder="Mark in view, Enter searches all"
                value={typed}
                maxLength={200}
                onChange={(event) => setTyped(event.currentTarget.value)}
                leftSection={<Search size={14} aria-hidden />}
              />
              <Button size="xs" variant="default" type="submit" disabled={query === ''}>
                Search all
              </Button>
            </Group>
          </form>
        </search>
        <Group gap="xs" className={classes['choices']!}>
          <Switch
            size="xs"
            label="Times"
            checked={times}
            onChange={(event) => setTimes(event.currentTarget.checked)}
          />
          <Switch
            size="xs"
            label="Wrap"
            checked={wrap}
            onChange={(event) => setWrap(event.currentTarget.checked)}
          />
          <Button size="xs" variant="default" leftSection={<Copy size={14} aria-hidden />} onClick={copy}>
            {clipboard.copied ? 'Copied' : 'Copy'}
          </Button>
          <LogDownload agent={agent} rows={log.feed.buffer.rows} />
        </Group>
      </Group>
      {searched !== undefined ? (
        <LogSearch
          agentId={agent.id}
          query={searched}
          times={times}
          wrap={wrap}
          onSee={see}
          onClose={() => setSearched(undefined)}
        />
      ) : (
        <>
          <Group justify="space-between" gap="xs">
            <Status status={status} following={following} count={shown.count} onAgain={log.reconnect} />
            <Button
              size="xs"
              variant={following ? 'default' : 'filled'}
              onClick={following ? log.hold : log.follow}
              leftSection={
                following ? <Pause size={14} aria-hidden /> : <ArrowDownToLine size={14} aria-hidden />
              }
            >
              {following
                ? 'Pause'
                : `Follow${shown.waiting > 0 ? ` (${counted(shown.waiting, 'new line')})` : ''}`}
            </Button>
          </Group>
          <LogLines
            label={`Log of ${agent.name}`}
            view={shown}
            look={look}
            wrap={wrap}
            following={following}
            onHold={log.hold}
            onFollow={log.follow}
            onOlder={() => void log.older()}
            goTo={goTo}
            top={<Top log={log} />}
            bottom={shown.endIsCut ? 'Newer lines are not shown here. Follow goes to the end.' : undefined}
          />
        </>
      )}
      <Text size="xs" c="dimmed" id="log-keys">
        With the log in focus: Space pauses and follows, Home and End go to its start and end.
      </Text>
    </Stack>
  )
}

function Top({ log }: { log: ReturnType<typeof useLogFeed> }) {
  if (log.atStart || log.shown.oldest === 1) return <>This is the beginning of what is kept.</>
  if (log.shown.count === 0 && log.status.kind === 'live') return <>The agent has printed nothing yet.</>
  const load = () => {
    log.hold()
    void log.older()
  }
  return (
    <button type="button" onClick={load} disabled={log.loading}>
      {log.loading ? 'Loading older lines…' : 'Load older lines'}
    </button>
  )
}

type StatusProps = { status: FeedStatus; following: boolean; count: number; onAgain: () => void }

function Status({ status, following, count, onAgain }: StatusProps) {
  return (
    <Group gap="xs">
      <Text size="sm" role="status" c={status.kind === 'live' ? 'dimmed' : 'var(--mantine-color-text)'}>
        {statusWords(status, following)}
      </Text>
      {status.kind === 'live' && (
        <Text size="sm" c="dimmed" aria-hidden>
          {counted(count, 'line')} loaded
        </Text>
      )}
      {status.kind === 'ended' && (
        <Button size="compact-xs" variant="default" onClick={onAgain}>
          Try again
        </Button>
      )}
    </Group>
  )
}

function statusWords(status: FeedStatus, following: boolean): string {
  if (status.kind === 'connecting') return 'Connecting…'
  if (status.kind === 'live') return following ? 'Live.' : 'Paused; new lines wait.'
  if (status.kind === 'waiting') return `${status.why} Connecting again in ${status.seconds} s.`
  return status.why
}
