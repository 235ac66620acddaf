import { expect, test } from 'vitest'
import { chainNames, closedBlocks, guardRules, restoreText, standing } from './rules.ts'

const pool = '10.214.0.0/16'
const chains = chainNames('49af7bd2-0000-4000-8000-000000000001')

test('forwarding: one network’s own traffic, never another network, answers, name service, what is opened, then nothing private', () => {
  const { forward } = guardRules({
    pool,
    resolvers: ['192.168.1.1'],
    allow: [{ address: '10.0.0.9', port: 8080, protocol: 'tcp' }],
  })
  expect(forward.map((rule) => rule.replace(`-s ${pool} `, ''))).toEqual([
    `-d ${pool} -m physdev --physdev-is-bridged -j RETURN`,
    `-d ${pool} -j DROP`,
    '-m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j RETURN',
    '-d 192.168.1.1/32 -p udp -m udp --dport 53 -j RETURN',
    '-d 192.168.1.1/32 -p tcp -m tcp --dport 53 -j RETURN',
    '-d 10.0.0.9/32 -p tcp -m tcp --dport 8080 -j RETURN',
    ...closedBlocks.map((block) => `-d ${block} -j DROP`),
    '-d 168.63.129.16/32 -j DROP',
    '-j RETURN',
    `-d ${pool} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN`,
    `-d ${pool} -j DROP`,
  ])
})

test('the stack’s own containers reach no cloud metadata, and everything else as before', () => {
  const ground = { pool, resolvers: [], allow: [] }
  const without = guardRules(ground)
  const { forward, input } = guardRules({ ...ground, stack: '10.213.0.0/24' })
  expect(forward.slice(without.forward.length)).toEqual([
    '-s 10.213.0.0/24 -d 169.254.0.0/16 -j DROP',
    '-s 10.213.0.0/24 -d 168.63.129.16/32 -j DROP',
  ])
  expect([forward.slice(0, without.forward.length), input]).toEqual([without.forward, without.input])
})

test('entering this host: answers, name service and what is opened; the rest is dropped', () => {
  const { input } = guardRules({ pool, resolvers: [], allow: [] })
  expect(input).toEqual([
    `-s ${pool} -m conntrack --ctstate RELATED,ESTABLISHED --ctdir REPLY -j RETURN`,
    `-s ${pool} -j DROP`,
  ])
})

test('a jump that is missing, doubled, or behind another rule is seen; another installation’s before it is not minded', () => {
  const rule = `-A ${chains.forward} -s ${pool} -j DROP`
  const saved = (forward: string[]) =>
    ['*mangle', ':FORWARD ACCEPT [0:0]', ...forward, rule, 'COMMIT'].join('\n')
  const jump = `-A FORWARD -j ${chains.forward}`
  const good = standing(saved([jump]), chains)
  expect(good.jumps).toEqual({ forward: 1, input: 0 })
  expect(standing(saved(['-A FORWARD -j NORA-11111111-FWD', jump]), chains).ours).toBe(good.ours)
  expect(standing(saved(['-A FORWARD -j ACCEPT', jump]), chains).ours).not.toBe(good.ours)
  expect(standing(saved([jump, jump]), chains).ours).not.toBe(good.ours)
  expect(standing(saved([]), chains).ours).not.toBe(good.ours)
  expect(standing(saved([jump, '-A FORWARD -j ACCEPT']), chains).ours).toBe(good.ours)
})

test('one text replaces both chains and puts the jumps first, taking away those that are there', () => {
  const text = restoreText(
    { chains, pool, resolvers: [], allow: [] },
    { ours: '', jumps: { forward: 2, input: 0 } },
  )
  const lines = text.split('\n')
  expect(lines[0]).toBe('*mangle')
  expect(lines.filter((line) => line === `-D FORWARD -j ${chains.forward}`)).toHaveLength(2)
  expect(lines.filter((line) => line.startsWith('-I '))).toEqual([
    `-I FORWARD 1 -j ${chains.forward}`,
    `-I INPUT 1 -j ${chains.input}`,
  ])
  expect(text).not.toMatch(/-F |ACCEPT/)
  expect(text.endsWith('COMMIT\n')).toBe(true)
})
