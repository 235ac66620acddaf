import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { leastCpuMs, ownMs, withoutStall } from './own-time.ts'

/** The most of several measures, until one is enough: a machine that really stands still meanwhile takes its own part off. */
async function most(enoughMs: number, measure: () => Promise<number>): Promise<number> {
  let best = 0
  for (let times = 0; times < 20 && best <= enoughMs; times++) best = Math.max(best, await measure())
  return best
}

/** This whole thread stands still. */
const stall = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

test('waiting is time of one’s own; what a stall took is not, and what a server was late by neither', async () => {
  expect(await most(300, () => ownMs(() => delay(600)))).toBeGreaterThan(300)
  const stalled = async () => {
    await delay(100)
    stall(1_500)
  }
  expect(await ownMs(stalled)).toBeLessThan(1_000)
  // Late once, among answers that come at once; and late for all of the time.
  for (const lateMs of [1_000, 2_000]) {
    let asked = 0
    const server = () => delay(asked++ === 0 ? lateMs : 5)
    expect(await ownMs(() => delay(1_500), server)).toBeLessThan(1_000)
  }
})

test('what every answer of a server takes is not taken off, nor what one takes after the end', async () => {
  const always = () => delay(50)
  expect(await most(500, () => ownMs(() => delay(600), always))).toBeGreaterThan(500)
  const afterwards = () => {
    let asked = 0
    const server = () => delay(asked++ === 2 ? 500 : 5)
    // Ends soon after the third question was asked.
    return ownMs(() => delay(200), server)
  }
  expect(await most(100, afterwards)).toBeGreaterThan(100)
})

test('work is processor time, the least of several rounds; a wait is none', () => {
  const busy = (ms: number) => {
    const { user } = process.threadCpuUsage()
    while (process.threadCpuUsage().user - user < ms * 1_000);
  }
  let round = 0
  const once = leastCpuMs(() => busy(round++ === 0 ? 400 : 60))
  expect(once).toBeGreaterThanOrEqual(60)
  expect(once).toBeLessThan(400)
  expect(leastCpuMs(() => stall(100))).toBeLessThan(100)
})

test('what failed in a stall is done again, and what failed without one has failed', async () => {
  let times = 0
  const late = async () => {
    if (times++ < 2) {
      stall(400)
      throw new Error('too late')
    }
    return 'done'
  }
  expect(await withoutStall(200, late)).toBe('done')
  expect(times).toBe(3)
  const wrong = () => {
    times++
    return Promise.reject(new Error('wrong'))
  }
  await expect(withoutStall(30_000, wrong)).rejects.toThrow('wrong')
  expect(times).toBe(4)
})

test('what no lateness makes has failed in a stall as well', async () => {
  let times = 0
  const late = new Error('too late')
  const attempt = async () => {
    stall(400)
    throw times++ === 0 ? late : new Error('wrong')
  }
  await expect(withoutStall(200, attempt, undefined, (error) => error === late)).rejects.toThrow('wrong')
  expect(times).toBe(2)
})

test('a server that stood still meanwhile is a stall as well', async () => {
  let times = 0
  const late = async () => {
    await delay(500)
    if (times++ === 0) throw new Error('too late')
    return 'done'
  }
  await expect(withoutStall(10_000, late, () => delay(5))).rejects.toThrow('too late')
  times = 0
  // No answer from the server until long after the first attempt.
  const silent = delay(1_000)
  expect(await withoutStall(400, late, () => silent)).toBe('done')
})
