import type { Asking, Seen } from '@nora/db/live-streams'
import { waitUntil } from '@nora/testing/wait-until'
import { expect, onTestFinished, test } from 'vitest'
import { type Watched, watchPages } from './watch-pages.ts'

const silent = { warn: () => undefined }

/** A loop over a stand-in for Postgres: every question is kept, and answered for those that live. */
function watching(everyMs = 3_600_000, gapMs = 20) {
  const asked: Asking[][] = []
  const dead = new Set<string>()
  let now = 0
  let fails = false
  const pages = watchPages<Seen>({
    ...{ log: silent as never, everyMs, gapMs },
    async read(asking) {
      asked.push(asking)
      if (fails) throw new Error('away')
      now++
      return asking
        .filter(({ streamId }) => !dead.has(streamId))
        .map(({ streamId }) => ({ streamId, seen: String(now), topics: [] }))
    },
  })
  onTestFinished(() => pages.stop())
  const page = (streamId: string, places: string[]) => {
    const told = { heard: 0, gone: 0, unsure: 0 }
    const watched: Watched<Seen> = {
      ...{ streamId, places, since: null },
      heard: () => void told.heard++,
      gone: () => void told.gone++,
      unsure: () => void told.unsure++,
    }
    pages.add(watched)
    return { watched, told }
  }
  const fail = (value: boolean) => {
    fails = value
  }
  return { pages, page, asked, dead, fail }
}

test('a hundred pages of a workspace are one question, and so is a burst of bells', async () => {
  const { pages, page, asked } = watching()
  const all = Array.from({ length: 100 }, (_, n) => page(`s${n}`, ['w']))
  await waitUntil('all to be greeted', () => all.every(({ told }) => told.heard === 1))
  expect(asked.map((one) => one.length)).toEqual([100])
  for (let ring = 0; ring < 200; ring++) pages.ring('w')
  await waitUntil('all to hear', () => all.every(({ told }) => told.heard === 2))
  expect(asked.map((one) => one.length)).toEqual([100, 100])
  // Each is asked about from what it has been told.
  expect(asked[1]![0]).toEqual({ streamId: 's0', since: '1' })
})

test('a bell asks about its own workspace and person alone; a page that was removed is not asked about', async () => {
  const { pages, page, asked } = watching()
  const [one, two, three] = [page('s1', ['w1', 'ada']), page('s2', ['w2', 'ada']), page('s3', ['w1', 'bob'])]
  await waitUntil('a first look', () => three.told.heard === 1)
  pages.ring('w1')
  await waitUntil('its pages', () => one.told.heard === 2 && three.told.heard === 2)
  pages.ring('ada')
  await waitUntil('her pages', () => one.told.heard === 3 && two.told.heard === 2)
  pages.remove(one.watched)
  pages.ring('w1')
  pages.ring('nobody')
  await waitUntil('the other', () => three.told.heard === 3)
  expect(asked.slice(1).map((each) => each.map(({ streamId }) => streamId))).toEqual([
    ['s1', 's3'],
    ['s1', 's2'],
    ['s3'],
  ])
})

test('a page that may not stay is told so, without a bell', async () => {
  const { page, dead } = watching(30)
  const [stays, goes] = [page('s1', ['w']), page('s2', ['w'])]
  await waitUntil('a first look', () => goes.told.heard >= 1)
  dead.add('s2')
  await waitUntil('the end', () => goes.told.gone > 0)
  expect(stays.told.gone).toBe(0)
})

test('what could not be asked is asked again from the same place', async () => {
  const { pages, page, asked, fail } = watching()
  const { watched, told } = page('s1', ['w'])
  await waitUntil('a first look', () => told.heard === 1)
  fail(true)
  pages.ring('w')
  await waitUntil('a failed look', () => asked.length === 2)
  fail(false)
  pages.ring('w')
  await waitUntil('another', () => told.heard === 2)
  expect(asked.slice(1).map(([one]) => one!.since)).toEqual(['1', '1'])
  expect([told.unsure, watched.since]).toEqual([0, '2'])
})
