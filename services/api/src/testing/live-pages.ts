import { waitUntil } from '@nora/testing/wait-until'
import { afterEach, expect } from 'vitest'
import { WebSocket } from 'ws'
import type { Client } from './client.ts'
import type { TestApi } from './test-api.ts'

type Frame = { type: string; cursor: string; resumed?: boolean; topics?: string[] }

/** An open page: what it was told. */
export type LivePage = {
  socket: WebSocket
  frames: Frame[]
  /** All topics since the last `forget`, once each, sorted. */
  topics: () => string[]
  forget: () => void
  /** Waits until these have come. */
  told: (...topics: string[]) => Promise<unknown>
  cursor: () => string
  closed: Promise<number>
}

/** Opens pages of a test's people; all are closed after each test. */
export function livePages(api: TestApi) {
  const open: WebSocket[] = []
  afterEach(() => {
    for (const socket of open.splice(0)) socket.terminate()
  })
  const ticketOf = async (who: Client, workspaceId: string): Promise<string> => {
    const answer = await who.post('/api/ws-tickets', { kind: 'events' }, { 'x-nora-workspace': workspaceId })
    expect(answer.status, answer.text).toBe(201)
    return answer.body.ticket
  }
  const connect = (ticket: string, path: string, headers: Record<string, string>): LivePage => {
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}${path}`, ['nora.v1', `ticket.${ticket}`], {
      headers,
    })
    open.push(socket)
    const frames: Frame[] = []
    let forgotten = 0
    socket.on('message', (data) => frames.push(JSON.parse(String(data))))
    socket.on('error', () => undefined)
    const topics = () => [...new Set(frames.slice(forgotten).flatMap((frame) => frame.topics ?? []))].sort()
    return {
      socket,
      frames,
      topics,
      forget: () => {
        forgotten = frames.length
      },
      told: (...wanted) =>
        waitUntil(`the topics ${wanted}`, () => wanted.every((topic) => topics().includes(topic))),
      cursor: () => frames.at(-1)!.cursor,
      closed: new Promise((resolve) => socket.on('close', resolve)),
    }
  }
  return {
    ticketOf,
    connect,
    /** Opens a page and waits for its `hello`. */
    async page(who: Client, workspaceId: string, { after }: { after?: string } = {}): Promise<LivePage> {
      const query = after === undefined ? '' : `?after=${after}`
      const headers = { authorization: `Bearer ${who.accessToken}` }
      const page = connect(await ticketOf(who, workspaceId), `/api/ws/events/${workspaceId}${query}`, headers)
      await waitUntil('hello', () => page.frames.length > 0)
      expect(page.frames[0]).toMatchObject({ type: 'hello', cursor: expect.any(String) })
      // The ticket itself is a row of the audit.
      return page
    },
  }
}
