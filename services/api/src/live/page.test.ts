import type { Seen } from '@nora/db/live-streams'
import { expect, test } from 'vitest'
import { openPage } from './page.ts'

type Frame = { type: string; cursor: string; topics?: string[] }

function page(since: string | null = null) {
  const sent: Frame[] = []
  const closed: number[] = []
  const socket = {
    readyState: 1 as const,
    OPEN: 1 as const,
    bufferedAmount: 0,
    send: (text: unknown) => void sent.push(JSON.parse(String(text))),
    close: (code?: number) => void closed.push(code!),
  }
  const opened = openPage<Seen>(
    socket,
    { streamId: 's', places: ['w'], since },
    { cursorOf: (seen) => `<${seen}>` },
  )
  const hear = (seen: string, ...topics: string[]) => opened.heard({ streamId: 's', seen, topics })
  return { ...{ socket, sent, closed, opened, hear } }
}

test('greets once, then says what changed, and nothing where nothing did', () => {
  const { sent, hear } = page()
  hear('1')
  hear('2')
  hear('3', 'agents')
  hear('4')
  expect(sent).toEqual([
    { type: 'hello', cursor: '<1>', resumed: false },
    { type: 'changed', cursor: '<3>', topics: ['agents'] },
  ])
})

test('a reader that does not read costs a bounded set of names, and hears all of them when it reads on', () => {
  const { socket, sent, hear } = page('0')
  hear('1')
  socket.bufferedAmount = 64 * 1024 + 1
  for (let turn = 0; turn < 10_000; turn++) hear(`${turn}`, 'agents', `agent:${turn}`, 'audit')
  expect(sent).toHaveLength(1)
  socket.bufferedAmount = 0
  hear('last')
  expect(sent.slice(1)).toEqual([
    { type: 'changed', cursor: '<last>', topics: ['agents', 'audit', 'agent:*'] },
  ])
  hear('more', 'agent:7')
  expect(sent.at(-1)!.topics).toEqual(['agent:7'])
})
