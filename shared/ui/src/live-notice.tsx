import { Group, Text, VisuallyHidden } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { RefreshCwOff } from 'lucide-react'
import { useEffect, useState } from 'react'
import { keepLive, type LiveSource } from './lib/live/keep-live.ts'

/** Keeps pages up to date while it is shown, and says so quietly when that does not work. The same source stays the same object. */
export function LiveNotice({ source }: { source: LiveSource }) {
  const queries = useQueryClient()
  const [lost, setLost] = useState(false)
  useEffect(() => keepLive(source, queries, setLost), [source, queries])
  const words = 'Live updates are paused, reconnecting'
  return (
    <div role="status">
      {lost && (
        <Group gap={6} wrap="nowrap" c="dimmed" title={words}>
          <RefreshCwOff size={16} aria-hidden />
          <Text size="sm" visibleFrom="sm">
            {words}
          </Text>
          <Text size="xs" hiddenFrom="sm" aria-hidden>
            Reconnecting
          </Text>
          <VisuallyHidden hiddenFrom="sm">{words}</VisuallyHidden>
        </Group>
      )}
    </div>
  )
}
