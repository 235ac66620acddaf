import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { answerWithin } from './answer-within.ts'

test('silence ends, and what fails has failed', async () => {
  await expect(answerWithin(50, new Promise(() => undefined))).rejects.toThrow('no answer within 50 ms')
  await expect(answerWithin(60_000, Promise.reject(new Error('lost')))).rejects.toThrow('lost')
})

test('a stall of this process is not the other side’s silence', async () => {
  const answer = delay(700, 'late')
  const asked = answerWithin(500, answer)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
  expect(await asked).toBe('late')
})
