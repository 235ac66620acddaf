import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Action } from '../reconcile/plan.ts'
import { turnstiles } from './limits.ts'

const never = new AbortController().signal

/** Lets `count` calls of one step in, and says how many run at once before any of them ends. */
async function insideAtOnce(action: Action, count: number): Promise<number> {
  const { of } = turnstiles({ creates: 2, others: 8 })
  const finish: (() => void)[] = []
  const calls = Array.from({ length: count }, () =>
    of(action)(never, () => new Promise<void>((resolve) => finish.push(resolve))),
  )
  await turn()
  const inside = finish.length
  for (let done = 0; done < count; done++) {
    finish[done]!()
    await turn()
  }
  await Promise.all(calls)
  return inside
}

test.each<[Action, number]>([
  ['ensure-container', 2],
  ['start', 2],
  ['ensure-network', 2],
  ['stop', 8],
  ['deliver-keys', 8],
  ['await-healthy', 20],
  ['route', 20],
])('of twenty, %s lets %i in at once, and all in the end', async (action, expected) => {
  expect(await insideAtOnce(action, 20)).toBe(expected)
})

test('who gives up waiting leaves the queue, and a failing step leaves its place', async () => {
  const { of, isFull } = turnstiles({ creates: 1, others: 1 })
  let finish: () => void = () => undefined
  const first = of('start')(
    never,
    () =>
      new Promise<void>((resolve) => {
        finish = resolve
      }),
  )
  expect(isFull('start')).toBe(true)
  const impatient = new AbortController()
  const second = of('start')(impatient.signal, async () => 'never')
  const third = of('start')(never, async () => {
    throw new Error('broken')
  })
  impatient.abort(new Error('gave up'))
  await expect(second).rejects.toThrow('gave up')
  finish()
  await first
  await expect(third).rejects.toThrow('broken')
  expect(await of('start')(never, async () => 'in')).toBe('in')
  expect(isFull('start')).toBe(false)
})
