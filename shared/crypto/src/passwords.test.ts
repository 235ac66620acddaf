import { verify } from '@node-rs/argon2'
import { describe, expect, test } from 'vitest'
import { createGate } from './gate.ts'
import { makePassword, provePassword, verifierOf } from './passwords.ts'
import { constantTimeEqual, hashToken, randomToken } from './tokens.ts'

const password = 'correct horse battery staple'

describe('passwords', () => {
  test('argon2id, 64 MiB, three passes, one lane, a salt of its own each time', async () => {
    const [one, two] = await Promise.all([makePassword(password), makePassword(password)])
    expect(one.salt).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=1\$[A-Za-z0-9+/]{22}$/)
    expect(one.salt).not.toBe(two.salt)
    expect(verifierOf(await provePassword(one.salt, password))).toEqual(one.verifier)
    expect(verifierOf(await provePassword(one.salt, `${password} `))).not.toEqual(one.verifier)
    expect(verifierOf(await provePassword(null, password))).not.toEqual(one.verifier)
  })

  test('the proof is argon2’s own hash, and what is stored is not a proof', async () => {
    const { salt, verifier } = await makePassword(password)
    const proof = await provePassword(salt, password)
    expect(await verify(`${salt}$${proof.toString('base64').replace(/=+$/, '')}`, password)).toBe(true)
    expect(verifierOf(verifier)).not.toEqual(verifier)
  })

  test('an accent is the same whichever way it was typed', async () => {
    const { salt, verifier } = await makePassword('caf\u00e9 con leche')
    expect(verifierOf(await provePassword(salt, 'cafe\u0301 con leche'))).toEqual(verifier)
  })

  test('nobody’s password takes as long as somebody’s', async () => {
    const { salt } = await makePassword(password)
    // This process' own work: what neighbours do is not in it. Turn and turn about, and the least of each.
    const work = async (whose: string | null) => {
      const before = process.cpuUsage()
      await provePassword(whose, 'wrong')
      const { user, system } = process.cpuUsage(before)
      return user + system
    }
    let [somebody, nobody] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    for (let round = 0; round < 7; round++) {
      somebody = Math.min(somebody, await work(salt))
      nobody = Math.min(nobody, await work(null))
    }
    // A missing hash would be a hundredth.
    expect(nobody / somebody).toBeGreaterThan(0.4)
    expect(nobody / somebody).toBeLessThan(2.5)
  })

  test.each([
    '',
    'plain',
    '$argon2id$v=19$m=4194304,t=3,p=1$c29tZXNhbHRzb21lc2FsdA',
    '$argon2i$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA',
  ])('a stored salt that is not ours is an error, not a wrong password: %s', async (salt) => {
    await expect(async () => provePassword(salt, password)).rejects.toMatchObject({
      code: 'password-hash-invalid',
    })
  })

  test('gives up before it begins', async () => {
    await expect(makePassword(password, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  })
})

describe('the gate', () => {
  const held = () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    return { promise, resolve }
  }

  test('lets four through at once, in order, and turns away who comes after 200', async () => {
    const gate = createGate(4, 200)
    const release = held()
    const started: number[] = []
    let running = 0
    let most = 0
    const enter = (i: number) =>
      gate(async () => {
        started.push(i)
        most = Math.max(most, ++running)
        await release.promise
        running--
        return i
      })
    const admitted = Array.from({ length: 204 }, (_, i) => enter(i))
    await expect(enter(204)).rejects.toMatchObject({ code: 'busy' })
    expect(started).toEqual([0, 1, 2, 3])
    release.resolve()
    expect(await Promise.all(admitted)).toEqual(Array.from({ length: 204 }, (_, i) => i))
    expect(started).toEqual(Array.from({ length: 204 }, (_, i) => i))
    expect(most).toBe(4)
    expect(await gate(async () => 'free again')).toBe('free again')
  })

  test('who gives up frees its place in the queue, and a task that fails frees the gate', async () => {
    const gate = createGate(1, 1)
    const release = held()
    const first = gate(async () => {
      await release.promise
      throw new Error('failed')
    })
    const patience = new AbortController()
    const second = gate(async () => 'never', patience.signal)
    await expect(gate(async () => 'no room')).rejects.toMatchObject({ code: 'busy' })
    patience.abort(new Error('tired'))
    await expect(second).rejects.toThrow('tired')
    const third = gate(async () => 'third')
    release.resolve()
    await expect(first).rejects.toThrow('failed')
    expect(await third).toBe('third')
  })
})

describe('tokens', () => {
  test('32 random bytes, and never fewer than 16', () => {
    expect(randomToken()).toMatch(/^[\w-]{43}$/)
    expect(new Set(Array.from({ length: 1000 }, () => randomToken(16))).size).toBe(1000)
    for (const bytes of [0, 15, 16.5, Number.NaN]) expect(() => randomToken(bytes)).toThrow(RangeError)
  })

  test('hashes are SHA-256', () => {
    expect(hashToken('abc').toString('hex')).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    )
  })

  test('equality, of any lengths and kinds', () => {
    expect(constantTimeEqual('same', Buffer.from('same'))).toBe(true)
    expect(constantTimeEqual('same', 'sama')).toBe(false)
    expect(constantTimeEqual('same', 'same ')).toBe(false)
    expect(constantTimeEqual('', '')).toBe(true)
  })
})
