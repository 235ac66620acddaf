import { expect, test } from 'vitest'
import { oneAtATime } from './one-at-a-time.ts'

test('callers during a run share the one after it, and each gets a run that began after the call', async () => {
  const finish: (() => void)[] = []
  let running = 0
  let most = 0
  const call = oneAtATime(async () => {
    most = Math.max(most, ++running)
    const number = finish.length
    await new Promise<void>((resolve) => finish.push(resolve))
    running--
    return number
  })
  const first = call()
  const shared = [call(), call(), call()]
  finish[0]!()
  expect(await first).toBe(0)
  await Promise.resolve()
  finish[1]!()
  expect(await Promise.all(shared)).toEqual([1, 1, 1])
  const last = call()
  finish[2]!()
  expect(await last).toBe(2)
  expect(most).toBe(1)
})

test('a run that fails fails its own callers only', async () => {
  let runs = 0
  const call = oneAtATime(async () => {
    if (++runs === 1) throw new Error('first')
    return runs
  })
  const [first, second] = await Promise.allSettled([call(), call()])
  expect(first).toMatchObject({ status: 'rejected' })
  expect(second).toEqual({ status: 'fulfilled', value: 2 })
})
