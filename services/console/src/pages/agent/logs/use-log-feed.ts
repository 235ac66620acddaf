import { unwrap } from '@nora/client/client'
import { failed } from '@nora/ui/toasts'
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { useWorkspace } from '../../../session.tsx'
import { type FeedStatus, followLogs } from './follow-logs.ts'
import { createLogFeed, rowsOf } from './log-feed.ts'

const olderLines = 500

/** An agent's log as it is written, and what somebody does with it: stop to read, go back in time, follow again. */
export function useLogFeed(agentId: string) {
  const { api, key } = useWorkspace()
  const queries = useQueryClient()
  const feed = useMemo(() => createLogFeed(), [])
  const shown = useSyncExternalStore(feed.subscribe, feed.shown)
  const [status, setStatus] = useState<FeedStatus>({ kind: 'connecting' })
  const [following, setFollowing] = useState(true)
  const [loading, setLoading] = useState(false)
  const [atStart, setAtStart] = useState(false)
  const [epoch, setEpoch] = useState(0)

  // biome-ignore lint/correctness/useExhaustiveDependencies: another epoch is another beginning
  useEffect(() => {
    const left = new AbortController()
    let lost = false
    void followLogs({
      agentId,
      ticket: async (signal) =>
        (await unwrap(api.POST('/api/ws-tickets', { body: { kind: 'logs', agentId }, signal }))).ticket,
      after: feed.buffer.lastSeq,
      onFrame: (frame) => {
        const state = feed.take(frame)
        if (state) void queries.invalidateQueries({ queryKey: key('agent', agentId), exact: true })
      },
      onStatus: (next) => {
        if (next.kind === 'live' && lost) feed.note('Connected again; the log goes on where it was')
        lost = next.kind === 'waiting' || (lost && next.kind !== 'live')
        setStatus(next)
      },
      signal: left.signal,
    })
    return () => left.abort()
  }, [agentId, api, feed, queries, key, epoch])

  const hold = useCallback(() => {
    feed.buffer.hold()
    feed.changed()
    setFollowing(false)
  }, [feed])

  const follow = useCallback(() => {
    setFollowing(true)
    if (!feed.buffer.release()) {
      feed.note('Lines before this one are not shown; scroll up to load them')
      setAtStart(false)
      setEpoch((now) => now + 1)
    }
    feed.changed()
  }, [feed])

  const older = useCallback(async () => {
    if (loading || atStart) return
    setLoading(true)
    try {
      const before = feed.buffer.view().oldest
      const query = { limit: olderLines, ...(before !== undefined && { before }) }
      const page = await unwrap(
        api.GET('/api/agents/{id}/logs', { params: { path: { id: agentId }, query } }),
      )
      feed.buffer.addOlder(rowsOf(page.items))
      if (page.nextCursor === null) setAtStart(true)
      feed.changed()
    } catch (error) {
      failed(error, 'Older lines could not be loaded')
    } finally {
      setLoading(false)
    }
  }, [agentId, api, atStart, feed, loading])

  /** Shows the stored lines around one, and stays there. */
  const showAround = useCallback(
    async (seq: number) => {
      try {
        const query = { before: seq + 100, limit: 400 }
        const page = await unwrap(
          api.GET('/api/agents/{id}/logs', { params: { path: { id: agentId }, query } }),
        )
        feed.buffer.hold()
        feed.buffer.begin(rowsOf(page.items))
        setFollowing(false)
        setAtStart(page.nextCursor === null)
        feed.changed()
      } catch (error) {
        failed(error, 'These lines could not be loaded')
      }
    },
    [agentId, api, feed],
  )

  return {
    feed,
    shown,
    status,
    following,
    hold,
    follow,
    older,
    loading,
    atStart,
    showAround,
    reconnect: useCallback(() => setEpoch((now) => now + 1), []),
  }
}
