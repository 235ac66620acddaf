import { capabilityPublicKey, hashRequest, verifyCapability } from '@nora/crypto/capability'
import { expect, test } from 'vitest'
import { type InvokeCall, invokeCapabilities } from './capabilities.ts'

const seed = Buffer.alloc(32, 3)
const second = 1_800_000_000
const call: InvokeCall = {
  userId: 'u',
  workspaceId: 'w',
  agentId: 'a',
  method: 'GET',
  target: '/agents/a/x?y=1',
}

function at(start: number) {
  const clock = { now: start * 1000 }
  return { clock, capability: invokeCapabilities(seed, () => clock.now) }
}

test('a capability says this call and no more, for 30 s', () => {
  const { capability, clock } = at(second)
  const claims = verifyCapability(capabilityPublicKey(seed), capability(call), {
    audience: 'gateway',
    now: clock.now,
  })
  expect(claims).toEqual({
    aud: 'gateway',
    op: 'invoke',
    agent: 'a',
    workspace: 'w',
    sub: 'u',
    request: hashRequest('GET', '/agents/a/x?y=1'),
    iat: second,
    exp: second + 30,
  })
})

test('the same call has the same capability for less than 5 s, never one from a later clock', () => {
  const { capability, clock } = at(second)
  const first = capability(call)
  clock.now += 4_999
  expect(capability({ ...call })).toBe(first)
  clock.now += 1
  const next = capability(call)
  expect(next).not.toBe(first)
  clock.now -= 60_000
  expect([first, next]).not.toContain(capability(call))
})

test('another user, workspace, agent, method or target never gets the capability of this one', () => {
  const { capability } = at(second)
  const tokens = [
    call,
    { ...call, userId: 'u2' },
    { ...call, workspaceId: 'w2' },
    { ...call, agentId: 'a2' },
    { ...call, method: 'POST' },
    { ...call, target: '/agents/a/x?y=2' },
  ].map(capability)
  expect(new Set(tokens).size).toBe(tokens.length)
})

test('what is kept is bounded: the oldest goes first', () => {
  const { capability, clock } = at(second)
  const first = capability(call)
  for (let i = 0; i < 1_023; i++) capability({ ...call, target: `/agents/a/${i}` })
  clock.now += 1_000
  expect(capability(call)).toBe(first)
  capability({ ...call, target: '/agents/a/one-more' })
  expect(capability(call)).not.toBe(first)
})
