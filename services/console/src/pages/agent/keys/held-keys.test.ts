import { expect, test } from 'vitest'
import type { Credential } from '../use-names.ts'
import { attachable, heldKeys, waitingWords, whyNot } from './held-keys.ts'

const credential = (id: string, over: Partial<Credential> = {}): Credential => ({
  id,
  family: 'provider-keys',
  label: `key ${id}`,
  of: 'openai',
  ownerId: 'ada',
  shared: false,
  secretVersion: 3,
  ...over,
})
const attached = (id: string, syncedSecretVersion: number | null, label: string | null = null) => ({
  id,
  label,
  syncedSecretVersion,
  syncedAt: null,
})

test('a key is behind when a newer version is stored, or none was delivered', () => {
  const providerKeys = [attached('a', 3), attached('b', 2), attached('c', null), attached('d', 1, null)]
  const keys = heldKeys({ providerKeys }, [credential('a'), credential('b'), credential('c')])
  expect(keys.map(({ isBehind }) => isBehind)).toEqual([false, true, true, false])
  expect(keys[3]).toMatchObject({ label: null, stored: undefined, of: undefined })
})

test('what waits, in words', () => {
  const held = (...keys: ReturnType<typeof attached>[]) =>
    heldKeys({ providerKeys: keys }, [credential('a'), credential('b')])
  expect(waitingWords(held(attached('a', 3)), true)).toBeUndefined()
  expect(waitingWords(held(attached('a', 2)), true)).toBe('Version 3 of “key a” waits until you deliver it.')
  expect(waitingWords(held(attached('a', 2), attached('b', null)), true)).toBe(
    '2 keys wait until you deliver them.',
  )
  expect(waitingWords(held(attached('z', null)), false)).toBe(
    '“a key of somebody else” waits until the agent starts.',
  )
})

test('what may be attached, and why not', () => {
  const [llm, service] = [credential('a'), credential('b', { family: 'integrations' })]
  expect(attachable([llm, service, credential('c')], ['c'], ['llm'])).toEqual({
    known: [llm],
    others: [service],
  })
  expect(whyNot(llm, { createdBy: 'ada' })).toBeUndefined()
  expect(whyNot(llm, { createdBy: 'grace' })).toMatch(/share/)
  expect(whyNot({ ...llm, shared: true }, { createdBy: 'grace' })).toBeUndefined()
  expect(whyNot({ ...llm, shared: true, family: 'exchange-credentials' }, { createdBy: 'grace' })).toMatch(
    /owner/,
  )
})
