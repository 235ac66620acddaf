import { randomUUID } from 'node:crypto'
import { fingerprint } from '@nora/crypto/fingerprint'
import { afterEach, expect, test, vi } from 'vitest'
import { OpenFailure, openFields } from '../secrets/open-secret.ts'
import { comparedBytes } from './compared-bytes.ts'
import { reseal } from './reseal.ts'
import { keysOf, numberedKey, sealedFor, sealingOf } from './testing/sealed-rows.ts'

const [first, second] = [numberedKey(1), numberedKey(2)]
const { keyring, rotation } = keysOf(second, first)
const owner = { workspaceId: randomUUID(), userId: randomUUID() } as Parameters<typeof sealedFor>[0]

afterEach(() => {
  vi.restoreAllMocks()
})

test('the same secret for the same place under the other key', async () => {
  const record = { ...(await sealedFor(owner, first, { apiKey: 'sk-one' })), agentId: null }
  const { resealed, fingerprint: compared } = await reseal(keyring, rotation.sealKey, record)
  const row = { ...record, keyVersion: 2, sealed: resealed }
  expect((await openFields(keysOf(second).keyring, row))['apiKey']?.toString()).toBe('sk-one')
  expect(compared).toBe(fingerprint(sealingOf(second).sealKey, Buffer.from('sk-one')))
  expect(resealed).toHaveLength(record.sealed.length)
  for (const wrong of [
    { keyVersion: 1 },
    { secretVersion: 2 },
    { id: randomUUID() },
    { ownerId: randomUUID() },
  ]) {
    await expect(openFields(keysOf(second, first).keyring, { ...row, ...wrong })).rejects.toThrow(OpenFailure)
  }
})

test('no buffer that this process made keeps the secret, whether it opens or not', async () => {
  const secret = 'sk-canary-0123456789abcdef'
  const record = { ...(await sealedFor(owner, first, { apiKey: secret })), agentId: null }
  const made: Buffer[] = []
  for (const name of ['from', 'alloc', 'allocUnsafe', 'concat'] as const) {
    const original = Buffer[name] as (...args: unknown[]) => Buffer
    vi.spyOn(Buffer, name).mockImplementation(((...args: unknown[]) => {
      const buffer = original.apply(Buffer, args)
      made.push(buffer)
      return buffer
    }) as never)
  }
  let held = 0
  const fill = Buffer.prototype.fill
  vi.spyOn(Buffer.prototype, 'fill').mockImplementation(function (this: Buffer, ...args: unknown[]) {
    if (this.includes(secret)) held += 1
    return fill.apply(this, args as never)
  })
  await reseal(keyring, rotation.sealKey, record)
  expect(held).toBeGreaterThanOrEqual(3) // the search sees them while they live
  const badKey = { ...rotation.sealKey, publicKey: Buffer.alloc(32) }
  await expect(reseal(keyring, badKey, record)).rejects.toThrow()
  vi.restoreAllMocks()
  expect(made.length).toBeGreaterThan(10)
  expect(made.filter((buffer) => buffer.includes(secret))).toEqual([])
})

test.each([
  ['openai', { apiKey: 'sk-1', model: 'm' }, 'sk-1'],
  ['custom', { A: 'one' }, 'one'],
  ['custom', { A: 'o"ne', B: 'two,}' }, '{"A":"o\\"ne","B":"two,}"}'],
  [
    'bedrock',
    { accessKeyId: 'a', region: 'eu', secretAccessKey: 'b' },
    '{"accessKeyId":"a","secretAccessKey":"b"}',
  ],
])('what is compared of %s %j', (provider, secret, expected) => {
  expect(comparedBytes('llm', provider, Buffer.from(JSON.stringify(secret))).toString()).toBe(expected)
})

test.each([
  ['openai', '{"apiKey":7}'],
  ['custom', '{ "A":"one","B":"two"}'],
  ['custom', '{"A" :"one","B":"two"}'],
  ['custom', '{"A": "one","B":"two"}'],
  ['custom', '{"A":"one" ,"B":"two"}'],
  ['custom', '{"A":"one", "B":"two"}'],
  ['custom', '{"A":"one","B":"two" }'],
  ['custom', '{"A":"one","B":"two"}\n'],
  ['custom', ' {"A":"one","B":"two"}'],
])('what the api would not have written is compared as a whole: %s %s', (provider, json) => {
  expect(comparedBytes('llm', provider, Buffer.from(json)).toString()).toBe(json)
})
