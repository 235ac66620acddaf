import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { giveMemoryBack } from './give-memory-back.ts'

test('what nobody holds any more is gone at once', async () => {
  const forgotten = new WeakRef({ large: new Array(1_000_000).fill('a') })
  const held = { small: 1 }
  const known = new WeakRef(held)
  // Until the end of this turn the language itself holds what a WeakRef was made of.
  await setImmediate()
  giveMemoryBack()
  expect([forgotten.deref(), known.deref()]).toEqual([undefined, held])
})
