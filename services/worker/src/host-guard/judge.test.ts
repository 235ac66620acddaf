import { expect, test } from 'vitest'
import { hostGuard } from './host-guard.ts'
import { judgeReach, judgeStatus, staleMs } from './judge.ts'
import { hostTargets } from './targets.ts'

const answer = (outcome: string, address = '10.214.0.1') => ({ address, port: 22, outcome })
const never = new AbortController().signal

test('a host that answers nothing is closed', () => {
  expect(judgeReach([answer('no-answer'), answer('no-answer', '192.168.1.9')])).toBeUndefined()
})

test.each(['open', 'ECONNREFUSED', 'ECONNRESET'])(
  'one that answers with %s at any of its addresses is open, and the reason names it',
  (outcome) => {
    expect(judgeReach([answer('no-answer'), answer(outcome, '192.168.1.9')])).toBe(
      'waiting for the host guard: an agent could reach this host at 192.168.1.9 (run ./setup.sh --doctor)',
    )
  },
)

test('what could not be asked proves nothing', () => {
  expect(judgeReach(undefined)).toContain('no gateway stands yet')
  expect(judgeReach([])).toContain('no gateway stands yet')
  expect(judgeReach([answer('ENETUNREACH')])).toContain('could not be found out (ENETUNREACH)')
})

test('the guard’s own word counts while it is fresh and says that the rules stand', () => {
  const now = Date.parse('2026-11-26T12:00:00Z')
  const status = (ok: unknown, age: number) =>
    JSON.stringify({ ok, at: new Date(now - age).toISOString(), reason: 'iptables: no right' })
  expect(judgeStatus(status(true, 1_000), now)).toBeUndefined()
  expect(judgeStatus(status(true, staleMs), now)).toContain('stopped saying')
  expect(judgeStatus(status(true, -staleMs), now), 'from the future').toContain('stopped saying')
  expect(judgeStatus(status(false, 0), now)).toContain('its rules do not stand: iptables: no right')
  expect(judgeStatus(status('yes', 0), now)).toContain('do not stand')
  expect(judgeStatus(undefined, now)).toContain('has not said yet')
  for (const text of ['', 'null', '[]', '{"ok":true}', '{"ok":true,"at":5e99}'])
    expect(judgeStatus(text, now), text).toContain('stopped saying')
})

test('what is dialled is this host alone: its end of the control network, and where the worker stands on it its lasting addresses', () => {
  const one = (address: string, family = 'IPv4', internal = false) => [
    { address, family, internal, netmask: '', mac: '', cidr: null },
  ]
  const interfaces = {
    lo: one('127.0.0.1', 'IPv4', true),
    eth0: [...one('192.168.1.9'), ...one('fe80::1', 'IPv6')],
    docker0: one('172.17.0.1'),
    'br-0123': one('10.99.0.1'),
    'nr-0123456789ab': one('10.97.0.1'),
    veth7: one('10.98.0.1'),
    dummy0: one('10.214.9.9'),
  } as Parameters<typeof hostTargets>[2]
  const addresses = (onHost: boolean) => [
    ...new Set(hostTargets('10.214.0.0/16', onHost, interfaces).map(({ address }) => address)),
  ]
  expect(addresses(false)).toEqual(['10.214.0.1'])
  expect(addresses(true)).toEqual(['10.214.0.1', '192.168.1.9', '172.17.0.1'])
})

test('starts are held until a look has found the host closed, again as soon as one finds it open, and never when it is off', async () => {
  let outcome: string | Error = 'no-answer'
  const parts = {
    ...{ statusFile: undefined, pool: '10.214.0.0/16', onHost: false },
    log: { info: () => undefined } as never,
    reach: async () => {
      if (outcome instanceof Error) throw outcome
      return [answer(outcome)]
    },
  }
  const guard = hostGuard({ ...parts, mode: 'required' })
  expect(guard.startsHeld()).toContain('nobody has looked yet')
  await guard.look(never)
  expect(guard.startsHeld()).toBeUndefined()
  outcome = 'ECONNREFUSED'
  await expect(guard.look(never)).rejects.toThrow('could reach this host')
  expect(guard.startsHeld()).toContain('could reach this host at 10.214.0.1')
  outcome = new Error('the gateway does not answer')
  await expect(guard.look(never)).rejects.toThrow()
  expect(guard.startsHeld()).toBe('waiting for the host guard: the gateway does not answer')
  outcome = 'no-answer'
  await guard.look(never)
  expect(guard.startsHeld()).toBeUndefined()
  expect(hostGuard({ ...parts, mode: 'off' }).startsHeld()).toBeUndefined()
})
